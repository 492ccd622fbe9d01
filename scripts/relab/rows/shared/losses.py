"""Scores of a training's losses.

Validation losses are means over segments of the held-out text, without dropout; so is the training loss at the end, over as
many segments of the training text. Training losses on the way are the means that training itself saw, with dropout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from relab.errors import UserError
from relab.rows.shared.histories import BITS, LOSSES, at_step, read_history
from relab.scores import Row, score
from relab.statistics import NAN, Measurement, difference, units_digest
from relab.training.losses import read_losses

#: Metrics of a training.
LOSS, INITIAL, FINAL, BEST = "loss", "initial loss", "final loss", "best loss"
BITS_PER_BYTE = "final bits per byte"

#: The step of the lowest validation loss.
BEST_STEP = "best step"

#: What the losses of an evaluation are means over.
UNIT = "segment"

#: The validation loss at the end less the training loss, both without dropout.
GAP = "final validation loss minus training loss"


def at(metric: str, step: int) -> str:
    """Name of a metric measured at a step on the way."""
    return f"{metric} at step {step}"


@dataclass(frozen=True)
class Training:
    """What a training left: its history by step, and the losses of single segments."""

    history: pd.DataFrame
    losses: pd.DataFrame
    path: Path

    @classmethod
    def read(cls, history: Path, losses: Path) -> Training:
        """Read ``history.csv`` and ``losses.parquet``.

        Raises:
            UserError: a file that lacks a column, or has no evaluation.
        """
        return cls(read_history(history), read_losses(losses), losses)

    def measured(self, split: str, step: int, data: str) -> Measurement:
        """The loss of an evaluation in nats, segment by segment; ``data`` tells which text was evaluated.

        Raises:
            UserError: where nothing was evaluated then.
        """
        losses = self.losses
        rows = losses[(losses["split"] == split) & (losses["step"] == step)]
        if rows.empty:
            raise UserError(f"{self.path}: no losses of the split {split!r} at step {step}")
        nats, targets = rows["nats"].to_numpy(), rows["targets"].to_numpy(dtype=float)
        return Measurement(nats, targets, UNIT, units_digest(data, split, targets.tolist()))

    @property
    def last(self) -> int:
        """The last step."""
        return int(self.history.index[-1])

    @property
    def best(self) -> int:
        """The step of the lowest validation loss, the earliest of equals; the first one where there is no loss."""
        losses = self.history[LOSSES["validation"]]
        return int(losses.idxmin() if losses.notna().any() else losses.index[0])


def trainings(histories: Mapping[str, Path], losses: Mapping[str, Path]) -> dict[str, Training]:
    """What the trainings of some models left, by model."""
    return {model: Training.read(path, losses[model]) for model, path in histories.items()}


def loss_scores(
    experiment: str, seed: int, training: Training, data: Mapping[str, str], steps: Sequence[int] | None = None
) -> Iterator[Row]:
    """Losses of a model: at its start, at its best and at its last step, at some steps (by default at every evaluation).

    Args:
        data: digests of the texts by split.
        steps: the steps.

    Raises:
        UserError: where nothing was evaluated at one of them.
    """
    history, validation = training.history, data["validation"]
    first, final = int(history.index[0]), training.measured("validation", training.last, validation)
    yield score(experiment, seed, "validation", INITIAL, training.measured("validation", first, validation), validation)
    yield score(experiment, seed, "validation", BEST, training.measured("validation", training.best, validation), validation)
    yield score(experiment, seed, "validation", FINAL, final, validation)
    seen = training.measured("train", training.last, data["train"])
    yield score(experiment, seed, "train", FINAL, seen, data["train"])
    yield score(experiment, seed, "validation", GAP, difference({seed: final}, {seed: seen}), validation)
    for split, measured in (("validation", final), ("train", seen)):
        yield score(experiment, seed, split, BITS_PER_BYTE, _in_bits(measured, history, split), data[split])
    yield from step_scores(experiment, seed, training, data, history.index if steps is None else steps)


def step_scores(experiment: str, seed: int, training: Training, data: Mapping[str, str], steps: Iterable[int]) -> Iterator[Row]:
    """Losses of a model at some steps: of the validation text, and those that training itself saw.

    Raises:
        UserError: where nothing was evaluated at one of them.
    """
    for step in steps:
        running = at_step(training.history, step, training.path)[LOSSES["train"]]
        validation = training.measured("validation", int(step), data["validation"])
        yield score(experiment, seed, "validation", at(LOSS, step), validation, data["validation"])
        yield score(experiment, seed, "train", at(LOSS, step), running, data["train"])


def above(measured: Measurement, loss: float) -> Measurement:
    """By how much a loss exceeds one that is known exactly."""
    return replace(measured, sums=measured.sums - loss * measured.counts)


def _in_bits(measured: Measurement, history: pd.DataFrame, split: str) -> Measurement:
    """A loss in nats a token as bits a byte, by what a nat a token is in the history; NaN where it has no loss."""
    known = history[[LOSSES[split], BITS[split]]].dropna()
    rate = known[BITS[split]].iloc[-1] / known[LOSSES[split]].iloc[-1] if len(known) else NAN
    return replace(measured, sums=measured.sums * rate)
