"""Predict the next token: of blocks cut from a stream, of whole documents, or of the target behind a prompt alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from relab.tokens.sizes import TextBytes
from relab.training.batches import Batch
from relab.training.history import bits_per_byte
from relab.training.losses import Losses
from relab.training.objectives.objective import BatchLoss, EvaluationResult, Objective
from relab.training.objectives.outputs import cross_entropy, logits_of_targets, sums_by_row


class Batches(Protocol):
    """Training batches: those of an update are a function of the number of finished steps alone."""

    def batches(self, step: int) -> Iterator[Batch]: ...

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""


@dataclass(frozen=True)
class TrainingData:
    """The batches that a language model is trained and evaluated on.

    Attributes:
        train: training batches.
        validation: validation batches, the same ones each time.
        train_evaluation: returns the training text's batches for the evaluation at the end; None: it is not evaluated.
        text_bytes: sizes of targets in bytes; None: there are no bits per byte.
    """

    train: Batches
    validation: Sequence[Batch]
    train_evaluation: Callable[[], Sequence[Batch]] | None = None
    text_bytes: TextBytes | None = None


class NextToken(Objective):
    """Cross-entropy of the next token, in nats per target.

    What has no target, as a prompt whose answer is to be learnt, or padding, is read but not predicted: the output layer, the
    largest matrix of a small model, computes nothing there.
    """

    item_name = "tokens"

    def __init__(self, data: TrainingData, batch_unit: str = "blocks"):
        self.data, self.batch_unit = data, batch_unit

    def batches(self, step: int) -> Iterator[Batch]:
        return self.data.train.batches(step)

    def items(self, step: int) -> list[int]:
        return self.data.train.targets(step)

    def loss(self, network: torch.nn.Module, batch: Batch) -> BatchLoss:
        return BatchLoss(cross_entropy(*self._logits(network, batch)), {"bytes": self._target_bytes(batch)})

    def training_columns(self, step: int, nats: float | None, items: int, totals: dict[str, float]) -> dict[str, Any]:
        return {"train_bits_per_byte": bits_per_byte(nats, self._text_bytes("train", totals.get("bytes", 0)))}

    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        losses = self._losses(network, "validation", step, self.data.validation)
        size = self._text_bytes("validation", sum(int(self._target_bytes(batch)) for batch in self.data.validation))
        columns = {
            "validation_loss": losses.mean,
            "validation_bits_per_byte": bits_per_byte(losses.mean * sum(losses.targets), size),
            "folded": None if self.data.text_bytes is None else self.data.text_bytes.folded,
        }
        return EvaluationResult(columns, [losses])

    def training_losses(self, network: torch.nn.Module, step: int) -> list[Losses]:
        return [self._losses(network, "train", step, self.data.train_evaluation())] if self.data.train_evaluation else []

    def _logits(self, network: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        return logits_of_targets(network, batch.targets, batch.predicted, input_ids=batch.inputs, use_cache=False)

    def _losses(self, network: torch.nn.Module, split: str, step: int, batches: Sequence[Batch]) -> Losses:
        """The losses of single blocks or documents of a split."""
        nats: list[float] = []
        counts: list[int] = []
        for batch in batches:
            losses = cross_entropy(*self._logits(network, batch), "none")
            nats += sums_by_row(losses, batch.targets, batch.predicted).tolist()
            counts += batch.counts().tolist()
        return Losses.from_units(split, step, nats, counts)

    def _target_bytes(self, batch: Batch) -> torch.Tensor:
        """Bytes of a batch's targets, a scalar tensor; 0 without :class:`TextBytes`."""
        if self.data.text_bytes is None:
            return torch.zeros((), dtype=torch.int64, device=batch.targets.device)
        return self.data.text_bytes.decoded_bytes(batch.inputs, batch.targets)

    def _text_bytes(self, split: str, target_bytes: float) -> float:
        """Bytes of a split's original text behind targets of so many bytes."""
        return 0.0 if self.data.text_bytes is None else target_bytes * self.data.text_bytes.shares[split]
