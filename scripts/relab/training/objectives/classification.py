"""Classify texts: cross-entropy of the class of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch.nn import functional

from relab.training.batches import to_device
from relab.training.draws import by_falling_length
from relab.training.objectives.bucketed import BucketedObjective
from relab.training.objectives.objective import BatchLoss, EvaluationResult


class LabelledTexts(Protocol):
    """Token ids of texts, and the index of the class of each."""

    ids: Sequence[Sequence[int]]
    labels: Sequence[int]


class ClassifiedBatch(NamedTuple):
    """Token ids ``[rows, tokens]``, their attention mask, and class indices ``[rows]``."""

    inputs: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


class Classification(BucketedObjective):
    """Cross-entropy of the classes, in nats per row, and accuracy.

    ``train`` and ``validation`` are :class:`LabelledTexts`; see :class:`BucketedObjective` for the other arguments.
    """

    item_name = "rows"
    batch_unit = "rows"

    def __init__(self, train: LabelledTexts, validation: LabelledTexts, **options: Any):
        super().__init__(train, validation, [len(ids) for ids in train.ids], **options)

    def loss(self, network: torch.nn.Module, batch: ClassifiedBatch) -> BatchLoss:
        logits = network(input_ids=batch.inputs, attention_mask=batch.mask).logits
        correct = (logits.detach().argmax(1) == batch.labels).sum()
        return BatchLoss(functional.cross_entropy(logits.float(), batch.labels), {"correct": correct})

    def training_columns(self, step: int, nats: float | None, items: int, totals: Mapping[str, float]) -> dict[str, Any]:
        return {"epoch": step / self.steps_per_epoch, "train_accuracy": totals["correct"] / items if items else None}

    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        logits, labels = self.logits(network, self.validation).double(), torch.tensor(self.validation.labels)
        return EvaluationResult(
            {
                "validation_loss": functional.cross_entropy(logits, labels).item(),
                "validation_accuracy": (logits.argmax(1) == labels).double().mean().item(),
            }
        )

    def in_words(self, row: dict[str, Any]) -> str:
        return f", accuracy {row['validation_accuracy']:.3f}"

    @torch.no_grad()
    def logits(self, network: torch.nn.Module, texts: LabelledTexts) -> torch.Tensor:
        """The logits of all rows in their order ``[rows, classes]``, float32, on the CPU."""
        batches = by_falling_length([len(ids) for ids in texts.ids], max(32, self.batch))
        parts = []
        for rows in batches:
            batch = self.collate(texts, rows)
            parts.append(network(input_ids=batch.inputs, attention_mask=batch.mask).logits.float().cpu())
        order = torch.tensor([row for rows in batches for row in rows])
        logits = torch.cat(parts)
        return torch.empty_like(logits).index_copy_(0, order, logits)

    def collate(self, data: LabelledTexts, rows: Sequence[int]) -> ClassifiedBatch:
        """Token ids padded on the right to the longest row, the attention mask, and the class indices."""
        ids = [data.ids[row] for row in rows]
        longest = max(map(len, ids))
        tokens = torch.tensor([[*row, *[self.pad] * (longest - len(row))] for row in ids])
        lengths = torch.tensor([len(row) for row in ids])
        mask = (torch.arange(longest) < lengths[:, None]).long()
        labels = torch.tensor([data.labels[row] for row in rows])
        return ClassifiedBatch(*(to_device(tensor, self.device) for tensor in (tokens, mask, labels)))
