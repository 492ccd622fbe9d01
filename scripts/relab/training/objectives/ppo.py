"""Make rewarded answers more probable: proximal policy optimisation (Schulman et al. 2017), by a critic or leaving one out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from relab import precision
from relab.errors import UserError
from relab.sampling import text_seed
from relab.settings.policies import PpoModel
from relab.streams import stream_seed
from relab.training.batches import Batch, forward_passes, to_device
from relab.training.draws import IndexSampler, evenly_spread_indices
from relab.training.objectives.objective import BatchLoss, EvaluationResult, Objective
from relab.training.policy import advantages as estimates
from relab.training.policy.network import PolicyNetwork, target_logprobs
from relab.training.policy.rollouts import Prompt, Rollouts, Sampler
from relab.training.snapshots import with_prefix

log = logging.getLogger("relab.training")

#: What the history shows of answers: rewards as the reward model gives them and standardised, nats of KL divergence a text,
#: nats of entropy a token, tokens, the share that ended by themselves.
MEASURES = ("reward", "standardised_reward", "kl", "entropy", "length", "ended")


class PolicyBatch(NamedTuple):
    """Texts to learn from.

    Attributes:
        batch: the texts, whose targets are the tokens of the answers.
        logprobs, advantages, returns, values: of each target when the answers were sampled ``[targets]``.
        scale: one over the number of texts times the tokens of a text on average.
        measures: sums over the texts by name, scalars.
    """

    batch: Batch
    logprobs: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor
    values: torch.Tensor
    scale: float
    measures: dict[str, torch.Tensor]


class ClippedPolicy(Objective):
    """The clipped surrogate of the policy and the clipped squared error of the critic, in means over tokens.

    The answers of an iteration are sampled by the policy as it is when their first batch is due; what is learnt from them is a
    function of them and of the step alone. They are part of :meth:`state`, since no later policy would sample them again.

    Args:
        sampler: samples answers of the policy, and has the network that is trained.
        train, validation: prompts.
        settings: those of the policy.
        device: where the network is.
    """

    item_name = "texts"
    batch_unit = "texts"
    columns = (
        *("step", "texts_seen", "train_loss", "validation_loss"),
        *(f"{split}_{name}" for split in ("train", "validation") for name in MEASURES),
        *("clip_fraction", "value_loss", "kl_coefficient", "learning_rate"),
    )

    def __init__(
        self, sampler: Sampler, train: Sequence[Prompt], validation: Sequence[Prompt], settings: PpoModel, device: torch.device
    ):
        training = settings.training
        self.sampler, self.settings, self.device = sampler, settings, device
        self._train, self._validation = train, validation
        self._prompts = IndexSampler(
            len(train), training.texts // settings.answers, stream_seed(settings.seed, 1), replacement=False
        )
        # an epoch of these draws is an epoch of an iteration, whose texts are a multiple of those of a step
        self._texts = IndexSampler(training.texts, training.batch, settings.seed, False, training.accumulation)
        self._precision = precision.resolve(training.precision, device)
        self._coefficient = settings.kl.coefficient
        self._standard: tuple[float, float] | None = None  # mean and standard deviation of the reference's rewards
        self._iteration = -1
        self._rollouts: Rollouts | None = None

    def prepare(self, step: int) -> None:
        if (iteration := self._iteration_of(step)) != self._iteration:
            self._sample(iteration, step)

    def items(self, step: int) -> list[int]:
        return [len(rows) for rows in self._rows(step)]

    def batches(self, step: int) -> Iterator[PolicyBatch]:
        for rows in self._rows(step):
            yield self._collate(rows)

    def loss(self, network: PolicyNetwork, batch: PolicyBatch) -> BatchLoss:
        distributions, values = network(batch.batch, self.settings.temperature)
        clip = self.settings.clip_range
        ratios = (target_logprobs(distributions, batch.batch) - batch.logprobs).exp()
        surrogate = torch.minimum(ratios * batch.advantages, ratios.clamp(1 - clip, 1 + clip) * batch.advantages)
        value_losses = torch.zeros_like(surrogate)
        if values is not None:
            near = batch.values + (values - batch.values).clamp(-clip, clip)
            value_losses = torch.maximum((values - batch.returns) ** 2, (near - batch.returns) ** 2) / 2
        losses = self.settings.value_coefficient * value_losses - surrogate
        totals = {"clipped": ((ratios - 1).abs() > clip).sum(), "value_loss": value_losses.detach().sum()}
        return BatchLoss(losses.sum() * batch.scale, {**totals, **batch.measures})

    def training_columns(self, step: int, nats: float | None, items: int, totals: Mapping[str, float]) -> dict[str, Any]:
        """Means over the texts, or their tokens, that were learnt from since the last evaluation, as they were when sampled."""
        columns: dict[str, Any] = dict.fromkeys((*(f"train_{name}" for name in MEASURES), "clip_fraction", "value_loss"))
        if items:
            columns |= {f"train_{name}": totals[name] / items for name in MEASURES}
            tokens = totals["length"]
            columns |= {"train_entropy": totals["entropy"] / tokens, "clip_fraction": totals["clipped"] / tokens}
            columns["value_loss"] = None if self.sampler.network.critic is None else totals["value_loss"] / tokens
        return {**columns, "kl_coefficient": self._coefficient}

    def evaluate(self, network: PolicyNetwork, step: int) -> EvaluationResult:
        count = min(len(self._validation), self.settings.training.evaluation.texts)
        prompts = [self._validation[index] for index in evenly_spread_indices(len(self._validation) - 1, count)]
        seeds = [text_seed(self.settings.seed, index) for index in range(count)]
        rollouts = self.sampler.rollouts(prompts, seeds)
        measures = self._measures(rollouts)
        columns = {f"validation_{name}": value.double().mean().item() for name, value in measures.items()}
        columns["validation_entropy"] /= columns["validation_length"]
        cost = self.settings.kl.coefficient * columns["validation_kl"]
        return EvaluationResult({"validation_loss": cost - columns["validation_standardised_reward"], **columns})

    def in_words(self, row: dict[str, Any]) -> str:
        return (
            f", reward {row['validation_standardised_reward']:+.2f} SD, KL {row['validation_kl']:.2f}, "
            f"entropy {row['validation_entropy']:.2f}, {row['validation_length']:.1f} tokens"
        )

    def state(self) -> dict[str, torch.Tensor]:
        tensors = {"iteration": torch.tensor(self._iteration), "coefficient": _double(self._coefficient)}
        if self._standard is not None:
            tensors["standard"] = _double(self._standard)
        if self._rollouts is not None:
            tensors |= {f"rollouts.{name}": value for name, value in self._rollouts.tensors().items()}
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._iteration, self._coefficient = int(tensors["iteration"]), float(tensors["coefficient"])
        self._standard = tuple(tensors["standard"].tolist()) if "standard" in tensors else None
        rollouts = with_prefix("rollouts.", tensors)
        self._rollouts = Rollouts(**rollouts) if rollouts else None
        if rollouts:
            self._estimate()

    def _iteration_of(self, step: int) -> int:
        return step // self.settings.training.steps_per_iteration

    def _rows(self, step: int) -> list[list[int]]:
        """The texts of each pass of an update; where they are not those that were sampled last, of each batch."""
        batches = self._texts.rows(step)
        if self._iteration_of(step) != self._iteration:
            return batches
        lengths = self._rollouts.text_lengths
        return [part for rows in batches for part in forward_passes(rows, lengths[rows], self.device)]

    def _sample(self, iteration: int, step: int) -> None:
        """Sample the answers of an iteration by the policy as it is, and estimate the advantages of their tokens."""
        kl = self.settings.kl
        if self._rollouts is not None and kl.target is not None:
            share = len(self._rollouts) / kl.horizon
            self._coefficient = estimates.adapted_coefficient(self._coefficient, self._rollouts.divergence, kl.target, share)
        prompts = self._prompts_of(iteration)
        seeds = [text_seed(self.settings.seed, iteration, index) for index in range(len(prompts))]
        with precision.autocast(self._precision, self.device):
            self._rollouts = self.sampler.rollouts(prompts, seeds)
        self._iteration = iteration
        if not (divergence := self._rollouts.divergence) <= kl.bound:
            raise UserError(
                f"the policy has run away from its base: expected a KL divergence of at most {kl.bound:g} nats a text "
                f"(kl.bound), found {divergence:.1f} at step {step}; raise kl.coefficient or lower training.learning_rate"
            )
        self._estimate()

    def _prompts_of(self, iteration: int) -> list[Prompt]:
        """The prompts of an iteration, each as often as it is answered."""
        indices = self._prompts.indices(iteration).tolist()
        return [self._train[index] for index in indices for _ in range(self.settings.answers)]

    def _estimate(self) -> None:
        """Advantages and returns of the tokens of the rollouts."""
        rollouts, settings = self._rollouts, self.settings
        self._real, self._measured = rollouts.real, self._measures(rollouts)
        scores = self._measured["standardised_reward"]
        rewards = estimates.token_rewards(scores, rollouts.log_ratios, self._real, self._coefficient)
        if settings.advantages == "gae":
            advantages = estimates.gae(rewards, rollouts.values, self._real, settings.discount, settings.decay)
        else:
            advantages = estimates.leave_one_out(rewards, self._real, settings.answers)
        self._returns = advantages + rollouts.values
        self._advantages = estimates.whiten(advantages, self._real) if settings.whiten else advantages

    def _collate(self, rows: list[int]) -> PolicyBatch:
        rollouts, real = self._rollouts, self._real[rows]
        tokens = (rollouts.logprobs, self._advantages, self._returns, rollouts.values)
        return PolicyBatch(
            rollouts.batch(rows, self.device),
            *(to_device(values[rows][real], self.device) for values in tokens),
            scale=1 / (len(rows) * rollouts.lengths.double().mean().item()),
            measures={name: to_device(values[rows].float().sum(), self.device) for name, values in self._measured.items()},
        )

    def _measures(self, rollouts: Rollouts) -> dict[str, torch.Tensor]:
        """:data:`MEASURES` of each text ``[texts]``; of the entropy the sum over its tokens."""
        mean, deviation = self._reference_rewards()
        standardised = ((rollouts.rewards.double() - mean) / (deviation or 1.0)).float()
        return {
            "reward": rollouts.rewards, "standardised_reward": standardised, "kl": rollouts.divergences.sum(1),
            "entropy": rollouts.entropies.sum(1), "length": rollouts.lengths, "ended": rollouts.ended,
        }  # fmt: skip

    def _reference_rewards(self) -> tuple[float, float]:
        """Mean and standard deviation of the rewards of the reference's own answers, sampled once."""
        if self._standard is None:
            number = self.settings.reference_texts
            prompts = [self._train[index * len(self._train) // number] for index in range(number)]
            seeds = [text_seed(self.settings.seed, 0, 0, index) for index in range(number)]
            with precision.autocast(self._precision, self.device):
                rewards = self.sampler.reference_rewards(prompts, seeds).double()
            self._standard = rewards.mean().item(), rewards.std().item()
            log.info("rewards of %d answers of the reference: mean %.4f, standard deviation %.4f", number, *self._standard)
        return self._standard


def _double(value: float | tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)
