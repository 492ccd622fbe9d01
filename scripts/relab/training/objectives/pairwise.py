"""Prefer one text to another: the Bradley–Terry loss of a network that gives each text a score, as a reward model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from relab.errors import UserError
from relab.training.batches import to_device
from relab.training.draws import by_falling_length
from relab.training.losses import Losses
from relab.training.objectives.bucketed import BucketedObjective
from relab.training.objectives.objective import BatchLoss, EvaluationResult


class Preferences:
    """Pairs of texts as token ids, of which the first is preferred.

    Args:
        chosen, rejected: token ids of both texts of each pair; neither is empty.

    Raises:
        UserError: no pair, a text without a token.
    """

    def __init__(self, chosen: Sequence[Sequence[int]], rejected: Sequence[Sequence[int]]):
        if not len(chosen):
            raise UserError("expected pairs of a preferred and another text, found none")
        for number, texts in enumerate(zip(chosen, rejected, strict=True), start=1):
            if not all(map(len, texts)):
                raise UserError(f"row {number}: expected two texts of one token at least, found none")
        self.chosen, self.rejected = chosen, rejected

    def __len__(self) -> int:
        return len(self.chosen)


class PreferenceBatch(NamedTuple):
    """Token ids ``[2 × pairs, tokens]``, the preferred texts first, and their attention mask."""

    inputs: torch.Tensor
    mask: torch.Tensor


class Pairwise(BucketedObjective):
    """Minus the log-probability that the preferred text wins, in nats per pair (Bradley & Terry 1952), and accuracy.

    The network gives each text a score ``[texts, 1]``, as ``AutoModelForSequenceClassification`` with one output; the
    probability is the logistic function of the difference. Both texts of a pair go through it in one pass.

    Args:
        train, validation: the pairs.
        options: see :class:`BucketedObjective`; the network knows ``pad``, since it reads a score at the last token before.
    """

    item_name = "pairs"
    batch_unit = "pairs"

    def __init__(self, train: Preferences, validation: Preferences, **options: Any):
        super().__init__(train, validation, _lengths(train), **options)

    def loss(self, network: torch.nn.Module, batch: PreferenceBatch) -> BatchLoss:
        margins = _margins(network, batch)
        return BatchLoss(-functional.logsigmoid(margins).mean(), {"correct": (margins.detach() > 0).sum()})

    def training_columns(self, step: int, nats: float | None, items: int, totals: Mapping[str, float]) -> dict[str, Any]:
        return {"train_accuracy": totals["correct"] / items if items else None}

    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        margins = self.margins(network, self.validation)
        nats = (-functional.logsigmoid(margins.double())).tolist()
        losses = Losses.from_units("validation", step, nats, [1] * len(nats))
        return EvaluationResult(
            {"validation_loss": losses.mean, "validation_accuracy": (margins > 0).double().mean().item()}, [losses]
        )

    def in_words(self, row: dict[str, Any]) -> str:
        return f", accuracy {row['validation_accuracy']:.3f}"

    @torch.no_grad()
    def margins(self, network: torch.nn.Module, pairs: Preferences) -> torch.Tensor:
        """How much higher the preferred text of each pair scores ``[pairs]``, float32, on the CPU."""
        margins = torch.empty(len(pairs))
        for rows in by_falling_length(_lengths(pairs), self.batch):
            margins[rows] = _margins(network, self.collate(pairs, rows)).cpu()
        return margins

    def collate(self, data: Preferences, rows: Sequence[int]) -> PreferenceBatch:
        texts = [torch.tensor(side[row]) for side in (data.chosen, data.rejected) for row in rows]
        mask = pad_sequence([torch.ones_like(text) for text in texts], True, 0)
        return PreferenceBatch(to_device(pad_sequence(texts, True, self.pad), self.device), to_device(mask, self.device))


def _margins(network: torch.nn.Module, batch: PreferenceBatch) -> torch.Tensor:
    scores = network(input_ids=batch.inputs, attention_mask=batch.mask).logits.float().squeeze(1)
    chosen, rejected = scores.chunk(2)
    return chosen - rejected


def _lengths(pairs: Preferences) -> list[int]:
    return [max(len(chosen), len(rejected)) for chosen, rejected in zip(pairs.chosen, pairs.rejected, strict=True)]
