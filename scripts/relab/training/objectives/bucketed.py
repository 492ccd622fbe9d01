"""Objectives of rows of different lengths: each row once an epoch, rows of similar length in a batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from relab.training.draws import LengthBuckets
from relab.training.objectives.objective import Objective
from relab.training.processes import ALONE, Processes


class BucketedObjective(Objective):
    """An objective whose batches are drawn by :class:`relab.training.draws.LengthBuckets`.

    Args:
        train, validation: the rows, of any type that :meth:`collate` reads.
        lengths: tokens of each training row.
        batch: rows in a batch.
        accumulation: batches in a step.
        seed: seed of the rows' order.
        pad: the token id of padding.
        device: where the network is.
        processes: those among which each batch is divided.
    """

    def __init__(
        self, train: Any, validation: Any, lengths: Sequence[int], *, batch: int, accumulation: int = 1, seed: int, pad: int,
        device: torch.device, processes: Processes = ALONE,
    ):  # fmt: skip
        self.train, self.validation = train, validation
        self.batch, self.pad, self.device = batch, pad, device
        self._draws = LengthBuckets(lengths, batch, seed, accumulation)
        self._processes = processes
        self.steps_per_epoch = self._draws.steps_per_epoch

    @abstractmethod
    def collate(self, data: Any, rows: Sequence[int]) -> Any:
        """The batch of these rows, on the device."""

    def items_of(self, rows: Sequence[int]) -> int:
        """The number of items of training rows; one each by default."""
        return len(rows)

    def drawn(self, steps: int) -> list[int]:
        """The training rows that the first so many updates draw, in any of the processes, ascending."""
        steps = min(steps, self._draws.steps_per_epoch)  # an epoch has every row
        return sorted({row for step in range(steps) for rows in self._draws.rows(step) for row in rows})

    def batches(self, step: int) -> Iterator[Any]:
        for rows in self._draws.rows(step):
            # the last batch of an epoch may have fewer rows than there are processes, which all take part in every update
            yield self.collate(self.train, self._processes.share(rows) or rows[:1])

    def items(self, step: int) -> list[int]:
        return [self.items_of(self._processes.share(rows)) for rows in self._draws.rows(step)]
