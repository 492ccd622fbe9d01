"""Write the target of a source: cross-entropy of an encoder–decoder's next target token, with smoothed labels in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from relab.errors import UserError
from relab.training.batches import IGNORED, positions_of_targets, to_device
from relab.training.draws import by_falling_length, evenly_spread_indices
from relab.training.losses import Losses
from relab.training.objectives.bucketed import BucketedObjective
from relab.training.objectives.objective import BatchLoss, EvaluationResult
from relab.training.objectives.outputs import cross_entropy, logits_of_targets, sums_by_row


class Pairs:
    """Sources and targets as token ids, end tokens among them.

    Args:
        sources, targets: token ids of each pair's sides; neither is empty.

    Raises:
        UserError: no pair, a side without a token.
    """

    def __init__(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]):
        if not len(sources):
            raise UserError("expected pairs of a source and a target, found none")
        for number, (source, target) in enumerate(zip(sources, targets, strict=True), start=1):
            if not len(source) or not len(target):
                raise UserError(f"row {number}: expected a source and a target of one token at least, found none")
        self.sources, self.targets = sources, targets

    def __len__(self) -> int:
        return len(self.sources)


class PairBatch(NamedTuple):
    """Token ids of sources ``[rows, tokens]``, their attention mask, and those of targets ``[rows, tokens]``.

    ``targets`` is -100 behind the end of the shorter ones; ``predicted`` is as that of :class:`relab.training.batches.Batch`.
    """

    sources: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    predicted: torch.Tensor | None


class SequenceToSequence(BucketedObjective):
    """Cross-entropy of target tokens behind their source and the target so far, in nats per token.

    EvaluationResult is without smoothing: perplexities compare.

    Args:
        train, validation: the pairs.
        smoothing: share of the probability that training wants evenly spread over the vocabulary (Szegedy et al. 2016).
        evaluated: validation pairs that are evaluated at most, evenly spread; None: all.
        options: see :class:`BucketedObjective`; ``pad`` pads sources.
    """

    item_name = "tokens"
    batch_unit = "pairs"

    def __init__(
        self, train: Pairs, validation: Pairs, *, smoothing: float = 0.0, evaluated: int | None = None, **options: Any
    ):
        super().__init__(train, validation, _lengths(train), **options)
        self.smoothing = smoothing
        rows, lengths = evenly_spread_indices(len(validation) - 1, evaluated or len(validation)), _lengths(validation)
        batches = by_falling_length([lengths[row] for row in rows], self.batch)
        self._evaluated = [[rows[index] for index in batch] for batch in batches]

    def items_of(self, rows: Sequence[int]) -> int:
        return sum(len(self.train.targets[row]) for row in rows)

    def loss(self, network: torch.nn.Module, batch: PairBatch) -> BatchLoss:
        return BatchLoss(cross_entropy(*self._logits(network, batch), smoothing=self.smoothing))

    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        by_row: dict[int, tuple[float, int]] = {}
        for rows in self._evaluated:
            batch = self.collate(self.validation, rows)
            nats = sums_by_row(cross_entropy(*self._logits(network, batch), "none"), batch.targets, batch.predicted)
            by_row |= {row: (sum_, len(self.validation.targets[row])) for row, sum_ in zip(rows, nats.tolist(), strict=True)}
        ordered = [by_row[row] for row in sorted(by_row)]
        losses = Losses.from_units("validation", step, [nats for nats, _ in ordered], [count for _, count in ordered])
        return EvaluationResult({"validation_loss": losses.mean}, [losses])

    def in_words(self, row: dict[str, Any]) -> str:
        return f", perplexity {math.exp(min(row['validation_loss'], 100)):.4g}"

    def _logits(self, network: torch.nn.Module, batch: PairBatch) -> tuple[torch.Tensor, torch.Tensor]:
        shifted = getattr(network, "module", network).prepare_decoder_input_ids_from_labels(labels=batch.targets)
        return logits_of_targets(
            network, batch.targets, batch.predicted, input_ids=batch.sources, attention_mask=batch.mask,
            decoder_input_ids=shifted, use_cache=False,
        )  # fmt: skip

    def collate(self, data: Pairs, rows: Sequence[int]) -> PairBatch:
        sources, targets = ([torch.tensor(side[row]) for row in rows] for side in (data.sources, data.targets))
        mask = pad_sequence([torch.ones_like(source) for source in sources], True, 0)
        padded = pad_sequence(targets, True, IGNORED)
        parts = (pad_sequence(sources, True, self.pad), mask, padded, positions_of_targets(padded))
        return PairBatch(*(None if part is None else to_device(part, self.device) for part in parts))


def _lengths(pairs: Pairs) -> list[int]:
    return [len(source) + len(target) for source, target in zip(pairs.sources, pairs.targets, strict=True)]
