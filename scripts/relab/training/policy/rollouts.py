"""Answers that a policy has sampled, and what is measured of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from relab.errors import UserError
from relab.sampling import sample
from relab.sampling.prompts import LanguageModel, ModelInput
from relab.settings.samplings import Decoding
from relab.training.batches import IGNORED, Batch, forward_passes
from relab.training.policy.network import PolicyNetwork, target_logprobs, token_distributions

#: Scores ``[texts]`` of whole texts, each a prompt with its answer.
Reward = Callable[[Sequence[str]], torch.Tensor]


@dataclass(frozen=True)
class Prompt:
    """A text to continue or to answer, and what the policy reads of it."""

    text: str
    read: ModelInput


@dataclass(frozen=True)
class Answers:
    """Answers to prompts; tensors on the CPU.

    Attributes:
        token_ids: prompts, each with its answer behind it, padded on the right ``[texts, tokens]``.
        starts: tokens of each prompt ``[texts]``.
        lengths: tokens of each answer, the one that ends it among them ``[texts]``.
        ended: whether an answer has ended by itself ``[texts]``.
        rewards: what the reward model says of each prompt with its answer ``[texts]``.
    """

    token_ids: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor
    ended: torch.Tensor
    rewards: torch.Tensor

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def text_lengths(self) -> np.ndarray:
        """Tokens of each prompt with its answer ``[texts]``."""
        return (self.starts + self.lengths).numpy()

    @property
    def real(self) -> torch.Tensor:
        """Where there is a token of an answer ``[texts, longest answer]``."""
        return torch.arange(int(self.lengths.max())) < self.lengths[:, None]

    def batch(self, rows: Sequence[int], device: torch.device) -> Batch:
        """Some of the texts on a device, whose targets are the tokens of the answers."""
        starts, lengths = self.starts[rows][:, None], self.lengths[rows][:, None]
        token_ids = self.token_ids[rows][:, : int((starts + lengths).max())]
        positions = torch.arange(1, token_ids.shape[1])
        is_answer = (positions >= starts) & (positions < starts + lengths)
        return Batch.of(token_ids[:, :-1], token_ids[:, 1:].where(is_answer, torch.tensor(IGNORED)), device)


@dataclass(frozen=True)
class Rollouts(Answers):
    """Answers with what networks say of their tokens, ``[texts, longest answer]`` and 0 at padding.

    Attributes:
        logprobs: log-probabilities under the policy that sampled them.
        reference: those under the reference.
        divergences: KL divergence of the policy's whole distribution of each token from the reference's, in nats; what the
            difference of both log-probabilities is on average, but with little noise and never below 0.
        entropies: entropy of the policy's distribution, in nats.
        values: the values before each token; 0 where nothing estimates them.
    """

    logprobs: torch.Tensor
    reference: torch.Tensor
    divergences: torch.Tensor
    entropies: torch.Tensor
    values: torch.Tensor

    @property
    def log_ratios(self) -> torch.Tensor:
        """How much more probable each token is under the policy than under the reference, in nats."""
        return self.logprobs - self.reference

    @property
    def divergence(self) -> float:
        """The KL divergence of the policy from the reference in nats a text."""
        return self.divergences.double().sum(1).mean().item()

    def tensors(self) -> dict[str, torch.Tensor]:
        """All of it by name, as parts of a checkpoint."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Sampler:
    """Samples answers from the whole distribution of a policy, and measures them.

    Attributes:
        network: the policy.
        reference: enters a context with the model that the policy's divergence is measured from.
        reward: scores whole texts.
        lm: the policy with its tokenizer.
        length: tokens of an answer at most.
        temperature: the policy is the distribution of the language model at this temperature, and so is the reference.
        batch: texts that are computed at once.
    """

    network: PolicyNetwork
    reference: Callable[[], AbstractContextManager[PreTrainedModel]]
    reward: Reward
    lm: LanguageModel
    length: int
    temperature: float
    batch: int

    @torch.no_grad()
    def rollouts(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Rollouts:
        """An answer of the policy to each prompt, drawn by its seed.

        Raises:
            UserError: a reward that is not a finite number, logits that are none.
        """
        answers = self._answers(self.network.policy, prompts, seeds)
        return Rollouts(**vars(answers), **self._measured(answers))

    @torch.no_grad()
    def reference_rewards(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> torch.Tensor:
        """The rewards of answers of the reference ``[texts]``; raises what :meth:`rollouts` does."""
        with self.reference() as reference:
            return self._answers(reference, prompts, seeds).rewards

    def _answers(self, model: PreTrainedModel, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Answers:
        decoding = Decoding(do_sample=True, temperature=self.temperature)
        token_ids = [prompt.read.token_ids for prompt in prompts]
        generations = sample(
            model, token_ids, length=self.length, seeds=seeds, decoding=decoding, stop=self.lm.ends(), batch=self.batch
        )
        texts = [
            prompt.text + self.lm.text_of(prompt.text, prompt.read, generation.token_ids)
            for prompt, generation in zip(prompts, generations, strict=True)
        ]
        rows = [torch.tensor([*ids, *generation.token_ids]) for ids, generation in zip(token_ids, generations, strict=True)]
        return Answers(
            token_ids=pad_sequence(rows, batch_first=True),
            starts=torch.tensor([len(ids) for ids in token_ids]),
            lengths=torch.tensor([len(generation.token_ids) for generation in generations]),
            ended=torch.tensor([generation.ended for generation in generations]),
            rewards=_finite(self.reward(texts), texts),
        )

    def _measured(self, answers: Answers) -> dict[str, torch.Tensor]:
        """What networks say of the tokens of answers, by the names of :class:`Rollouts`."""
        real, device = answers.real, self.lm.model.device
        names = [field.name for field in fields(Rollouts)][len(fields(Answers)) :]
        measured = {name: torch.zeros(real.shape) for name in names}
        for rows in self._passes(answers):
            batch = answers.batch(rows, device)
            policy, values = self.network(batch, self.temperature)
            with self.reference() as model:
                reference = token_distributions(model, batch, self.temperature)
            probabilities = policy.exp()
            of_batch = {
                "logprobs": target_logprobs(policy, batch),
                "reference": target_logprobs(reference, batch),
                "divergences": (probabilities * (policy - reference)).sum(-1).clamp(min=0),
                "entropies": -(probabilities * policy).sum(-1),
                "values": torch.zeros(len(policy)) if values is None else values,
            }
            is_token = torch.zeros_like(real)
            is_token[rows] = real[rows]
            for name, numbers in of_batch.items():
                measured[name][is_token] = numbers.cpu()
        return measured

    def _passes(self, answers: Answers) -> Iterator[list[int]]:
        """The texts of each pass, in their order."""
        for start in range(0, len(answers), self.batch):
            rows = range(len(answers))[start : start + self.batch]
            yield from forward_passes(rows, answers.text_lengths[rows], self.lm.model.device)


def _finite(rewards: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
    """The rewards in float32 on the CPU, checked.

    Raises:
        UserError: one that is not a finite number.
    """
    rewards = rewards.detach().float().cpu()
    if rewards.shape != (len(texts),):
        raise ValueError(f"expected a reward for each of {len(texts)} texts, found the shape {tuple(rewards.shape)}")
    if not rewards.isfinite().all():
        text = texts[int((~rewards.isfinite()).nonzero()[0, 0])]
        value = rewards[~rewards.isfinite()][0].item()
        raise UserError(f"reward_model: expected a finite number for every text, found {value} for {text[:80]!r}")
    return rewards
