"""Training a policy: a language model, prompts and a reward model in; a model whose answers are rewarded more out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from transformers import PreTrainedModel

from relab import adapters
from relab.checkpoints import load_for_training, load_model, load_tokenizer
from relab.datasets import storage
from relab.errors import UserError
from relab.precision import FLOAT32
from relab.rewards import RewardModel
from relab.sampling.prompts import LanguageModel
from relab.training.finetuning import PolicyFinetuning
from relab.training.job import InitialModel, run
from relab.training.loop import Trainer
from relab.training.objectives.ppo import ClippedPolicy
from relab.training.policy.network import Critic, PolicyNetwork
from relab.training.policy.rollouts import Prompt, Reward, Sampler
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State

log = logging.getLogger("relab.training")


def train(
    job: PolicyFinetuning, start: InitialModel, *, reward_model: Path, train: Path, validation: Path, device: torch.device,
    code: str, state: State, stop: StopSignal, processes: Processes = ALONE,
) -> Trainer:  # fmt: skip
    """Train a policy, from its last checkpoint in ``state`` where there is one.

    Args:
        job: the settings.
        start: the initial model, in whose directory its tokenizer is, and its reference where all weights are trained.
        reward_model: directory of the reward model.
        train, validation: the splits of the data set whose prompts are answered (Parquet).
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: notes a signal that asks to stop.
        processes: the processes that train; one.

    Raises:
        UserError: several processes, no prompt that is short enough, a reward that is not a finite number, a KL divergence
            above the bound, see also :meth:`relab.training.loop.Trainer.run`.
    """
    if processes.count > 1:
        raise UserError(f"--cards: a policy is trained by one process; expected 1, found {processes.count}")
    lm = LanguageModel(start.model, load_tokenizer(start.tokenizer))
    prompts = [encoded_prompts(path, job, lm) for path in (train, validation)]
    trainer = policy_trainer(job, start, lm, *prompts, RewardModel.load(reward_model, device).score, device)
    run(trainer, state, stop, code)
    return trainer


def policy_trainer(
    job: PolicyFinetuning, start: InitialModel, lm: LanguageModel, train: Sequence[Prompt], validation: Sequence[Prompt],
    reward: Reward, device: torch.device,
) -> Trainer:  # fmt: skip
    """The trainer of a policy by any reward; ``lm`` is the initial model with its tokenizer."""
    network = PolicyNetwork(start.model, _critic(job, start, device))
    sampler = Sampler(
        network, _reference(job, start, device), reward, lm, length=job.answer_tokens, temperature=job.temperature,
        batch=job.training.batch * job.training.accumulation,
    )  # fmt: skip
    objective = ClippedPolicy(sampler, train, validation, job, device)
    rate = job.training.critic_learning_rate or job.training.learning_rate
    scales = {"critic.": rate / job.training.learning_rate}
    return Trainer(network, objective, job.training, device=device, rate_scales=scales)


def inputs(base: Path, reward_model: Path) -> list[Path]:
    """The files of both models that a training depends on."""
    names = ("model.safetensors", "config.json", "tokenizer.json")
    return [folder / name for folder in (base, reward_model) for name in names] + [reward_model / "reward_model.json"]


def encoded_prompts(path: Path, job: PolicyFinetuning, lm: LanguageModel) -> list[Prompt]:
    """The prompts of a split of preferences as the policy reads them, without those that are too long.

    Raises:
        UserError: no prompt that is short enough, one that cannot be encoded.
    """
    texts = storage.read(path)["prompt"]
    prompts = [Prompt(text, lm.ask(text, job, f"{path}, row {row}", "model")) for row, text in enumerate(texts)]
    kept = [prompt for prompt in prompts if len(prompt.read.token_ids) <= job.prompt_tokens]
    if not kept:
        expected = f"expected prompts of at most {job.prompt_tokens} tokens (prompt_tokens)"
        raise UserError(f"{path}: {expected}, found none among {len(prompts)}")
    if len(kept) < len(prompts):
        log.info("%s: %d of %d prompts are too long and left out", path, len(prompts) - len(kept), len(prompts))
    return kept


def _reference(
    job: PolicyFinetuning, start: InitialModel, device: torch.device
) -> Callable[[], AbstractContextManager[PreTrainedModel]]:
    """The frozen base: a second model where all weights are trained, else the policy without its adapter."""
    if job.is_adapter:
        return lambda: adapters.switched_off(start.model)
    reference = load_model(start.tokenizer, device, FLOAT32).requires_grad_(False)
    return lambda: nullcontext(reference)


def _critic(job: PolicyFinetuning, start: InitialModel, device: torch.device) -> Critic | None:
    if job.value_network is None:
        return None
    body = load_for_training(start.tokenizer, device, torch.float32).base_model if job.value_network == "copy" else None
    width = start.model.get_output_embeddings().weight.shape[1]
    return Critic(width, body).to(device)
