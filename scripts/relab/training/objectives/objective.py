"""The contract between the training loop and what a network is trained for.

The loop knows steps, gradients, evaluations, checkpoints. An objective says what a batch is, what its loss is, what an
evaluation measures, and by which figure the best weights are chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from relab.training import history
from relab.training.losses import Losses


@dataclass(frozen=True)
class BatchLoss:
    """The loss of a batch: the mean over its items, a scalar tensor with a gradient.

    ``totals`` are sums over the batch of whatever else the history shows, scalar tensors by name, the same names each time.
    """

    mean: torch.Tensor
    totals: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation measured: columns of the history, and the losses of single units where they are kept."""

    columns: dict[str, Any]
    losses: list[Losses] = field(default_factory=list)


class Objective(ABC):
    """What a network is trained for.

    Batches are a function of the number of finished steps alone, so that a resumed training goes on with the same ones; where
    they are not, what else they depend on is the objective's :meth:`state`. Of a training by several processes each has an
    objective of its own, with its share of every batch.
    """

    #: What losses are means over, and what the history and the speed count.
    item_name: ClassVar[str]
    #: What ``training.batch`` counts, for messages.
    batch_unit: ClassVar[str]
    #: The column of the history by which the best weights are chosen, and whether more of it is better.
    criterion: ClassVar[str] = "validation_loss"
    more_is_better: ClassVar[bool] = False
    #: The columns of a language model's ``history.csv``.
    columns: ClassVar[Sequence[str]] = history.COLUMNS

    def prepare(self, step: int) -> None:  # noqa: B027 - most objectives have nothing to prepare
        """Make what the batches of the next update, after ``step`` finished ones, are made of."""

    @abstractmethod
    def batches(self, step: int) -> Iterator[Any]:
        """The batches of the update after ``step`` finished ones, on the device of the network."""

    @abstractmethod
    def items(self, step: int) -> list[int]:
        """The number of items in each of these batches, over which a step's loss is the mean; asked of past steps, too."""

    @abstractmethod
    def loss(self, network: torch.nn.Module, batch: Any) -> BatchLoss:
        """The loss of a batch, whose gradient trains the network."""

    def training_columns(self, step: int, nats: float | None, items: int, totals: dict[str, float]) -> dict[str, Any]:
        """More columns of the history on the updates since the last evaluation.

        Args:
            step: finished steps.
            nats: the sum of the items' losses; None before the first update.
            items: their number.
            totals: the sums of :attr:`BatchLoss.totals` over them.
        """
        return {}

    @abstractmethod
    def evaluate(self, network: torch.nn.Module, step: int) -> EvaluationResult:
        """Measure the network, which is in evaluation mode and needs no gradient, after ``step`` finished steps.

        Among the columns is ``validation_loss``, the mean over the items of the validation data.
        """

    def training_losses(self, network: torch.nn.Module, step: int) -> list[Losses]:
        """The losses of units of the training data, measured once in the end; none by default."""
        return []

    def state(self) -> dict[str, torch.Tensor]:
        """What later batches depend on beside the finished steps, as tensors of a checkpoint by name; nothing by default."""
        return {}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:  # noqa: B027 - most objectives have no state
        """Restore what :meth:`state` returned."""

    def in_words(self, row: dict[str, Any]) -> str:
        """What else a line of the log says of an evaluation."""
        return ""

    def best(self, history: list[dict[str, Any]]) -> dict[str, Any]:
        """The best row of a history by :attr:`criterion`, the earliest of equals."""
        choose = max if self.more_is_better else min
        return choose(history, key=lambda row: row[self.criterion])
