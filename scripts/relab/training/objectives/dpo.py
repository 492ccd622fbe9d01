"""Make one answer likelier than another behind the same prompt: direct preference optimisation (Rafailov et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from relab.training.batches import IGNORED, Batch, PromptTargets, to_device
from relab.training.draws import by_falling_length
from relab.training.losses import Losses
from relab.training.objectives.bucketed import BucketedObjective
from relab.training.objectives.objective import BatchLoss, EvaluationResult
from relab.training.objectives.outputs import cross_entropy, logits_of_targets, sums_by_row
from relab.training.processes import ALONE, Processes

#: What is measured of pairs, see :meth:`DirectPreference.evaluate`.
MEASURES = ("accuracy", "margin", "chosen_logprob", "rejected_logprob")


@dataclass(frozen=True)
class Comparisons:
    """Prompts with two answers each as token ids, of which the first is preferred.

    Attributes:
        chosen, rejected: the same prompts, with the preferred and with the other answers.
        reference: log-probabilities of both answers of each pair under the reference ``[pairs, 2]``, NaN where they are not
            known; None: all answers are equally probable under it, so that they cancel.
    """

    chosen: PromptTargets
    rejected: PromptTargets
    reference: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def lengths(self) -> list[int]:
        """Tokens of the longer text of each pair."""
        return [max(lengths) for lengths in zip(self.chosen.lengths, self.rejected.lengths, strict=True)]

    def collate(self, rows: Sequence[int], pad: int, device: torch.device) -> ComparisonBatch:
        """The batch of these pairs."""
        examples = [side[row] for side in (self.chosen, self.rejected) for row in rows]
        inputs, targets = zip(*examples, strict=True)
        batch = Batch.of(pad_sequence(inputs, True, pad), pad_sequence(targets, True, IGNORED), device)
        reference = torch.zeros(len(rows), 2) if self.reference is None else self.reference[list(rows)]
        return ComparisonBatch(*batch, to_device(reference, device))

    @torch.no_grad()
    def logprobs(
        self, network: torch.nn.Module, pairs: Sequence[int] | None = None, *, batch: int, pad: int, device: torch.device,
        processes: Processes = ALONE,
    ) -> torch.Tensor:  # fmt: skip
        """Log-probabilities of both answers of each pair ``[pairs, 2]``, float32, on the CPU.

        Of ``pairs`` alone where they are given, and NaN of others. The ``processes`` share the work.
        """
        pairs, lengths = range(len(self)) if pairs is None else pairs, self.lengths
        batches = [[pairs[index] for index in rows] for rows in by_falling_length([lengths[row] for row in pairs], batch)]
        shares = [(rows, answer_logprobs(network, self.collate(rows, pad, device)).cpu()) for rows in processes.share(batches)]
        logprobs = torch.full((len(self), 2), torch.nan)
        for share in processes.gathered(shares):
            for rows, values in share:
                logprobs[rows] = values
        return logprobs

    def with_reference(self, network: torch.nn.Module, pairs: Sequence[int] | None = None, **options: Any) -> Comparisons:
        """The same pairs, whose reference is a network in evaluation mode; arguments as those of :meth:`logprobs`."""
        return replace(self, reference=self.logprobs(network, pairs, **options))


class ComparisonBatch(NamedTuple):
    """Token ids to read and to predict ``[2 × pairs, tokens]``, preferred answers first; the reference ``[pairs, 2]``.

    ``inputs``, ``targets`` and ``predicted`` are as those of :class:`relab.training.batches.Batch`.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    predicted: torch.Tensor | None
    reference: torch.Tensor


def answer_logprobs(network: torch.nn.Module, batch: ComparisonBatch) -> torch.Tensor:
    """Log-probabilities of both answers of each pair ``[pairs, 2]``: sums over their tokens, in float32."""
    logits, targets = logits_of_targets(
        network, batch.targets, batch.predicted, input_ids=batch.inputs, use_cache=False
    )  # padding stands on the right, where causal attention never looks
    nats = sums_by_row(cross_entropy(logits, targets, "none"), batch.targets, batch.predicted)
    return -nats.view(2, -1).T


class DirectPreference(BucketedObjective):
    """Minus the log-probability that the preferred answer wins, in nats per pair.

    An answer's reward is β log (π(answer) / π_ref(answer)), and the probability that one wins is the logistic function of the
    difference of the rewards, their margin (Rafailov et al. 2023, equation 7). The reference's log-probabilities are constants:
    they are computed once, before training, by the policy that training starts from, so that no second network is needed.
    Pairs without a reference make the loss reference-free as the code that the authors published has it: under the reference
    all answers are equally probable, and the margin is β log (π(chosen) / π(rejected)).

    The policy must have no dropout: the reference has none either.

    Args:
        train, validation: the pairs; see :meth:`measure_reference` for those that have no reference yet.
        beta: how strongly the policy is held to the reference.
        options: see :class:`BucketedObjective`.
    """

    item_name = "pairs"
    batch_unit = "pairs"
    columns = (
        *("step", "pairs_seen", "train_loss", *(f"train_{name}" for name in MEASURES)),
        *("validation_loss", *(f"validation_{name}" for name in MEASURES), "learning_rate"),
    )

    def __init__(self, train: Comparisons, validation: Comparisons, *, beta: float, **options: Any):
        super().__init__(train, validation, train.lengths, **options)
        self.beta = beta

    def measure_reference(self, network: torch.nn.Module, steps: int) -> None:
        """Make a network in evaluation mode the reference, for a training of so many steps."""
        options = {"batch": self.batch, "pad": self.pad, "device": self.device, "processes": self._processes}
        self.train = self.train.with_reference(network, self.drawn(steps), **options)
        self.validation = self.validation.with_reference(network, **options)

    def loss(self, network: torch.nn.Module, batch: ComparisonBatch) -> BatchLoss:
        logprobs = answer_logprobs(network, batch)
        margins = self._margins(logprobs, batch.reference)
        measures = _measures(margins.detach(), logprobs.detach())
        return BatchLoss(-functional.logsigmoid(margins).mean(), {name: values.sum() for name, values in measures.items()})

    def training_columns(self, step: int, nats: float | None, items: int, totals: Mapping[str, float]) -> dict[str, Any]:
        return {f"train_{name}": totals[name] / items if items else None for name in MEASURES}

    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        """The loss; means over pairs of whether the margin is above 0 (a tie counts half), of the margin, and of the
        log-probabilities of the preferred and of the other answer, which both may fall while the margin grows.
        """
        data = self.validation
        logprobs = data.logprobs(network, batch=self.batch, pad=self.pad, device=self.device).double()
        margins = self._margins(logprobs, 0 if data.reference is None else data.reference.double())
        nats = (-functional.logsigmoid(margins)).tolist()
        losses = Losses.from_units("validation", step, nats, [1] * len(nats))
        measures = {f"validation_{name}": values.mean().item() for name, values in _measures(margins, logprobs).items()}
        return EvaluationResult({"validation_loss": losses.mean, **measures}, [losses])

    def in_words(self, row: dict[str, Any]) -> str:
        return f", accuracy {row['validation_accuracy']:.3f}, margin {row['validation_margin']:.3f}"

    def collate(self, data: Comparisons, rows: Sequence[int]) -> ComparisonBatch:
        return data.collate(rows, self.pad, self.device)

    def _margins(self, logprobs: torch.Tensor, reference: torch.Tensor | int) -> torch.Tensor:
        """Differences of the rewards ``[pairs]``, from log-probabilities ``[pairs, 2]``."""
        chosen, rejected = (self.beta * (logprobs - reference)).unbind(1)
        return chosen - rejected


def _measures(margins: torch.Tensor, logprobs: torch.Tensor) -> dict[str, torch.Tensor]:
    """:data:`MEASURES` of each pair ``[pairs]``."""
    accuracy = ((margins > 0).to(margins.dtype) + (margins >= 0).to(margins.dtype)) / 2
    return dict(zip(MEASURES, (accuracy, margins, logprobs[:, 0], logprobs[:, 1]), strict=True))
