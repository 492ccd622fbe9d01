"""Losses of single segments beside a history that was made up."""

from __future__ import annotations

from pathlib import Path

from relab.files import read_csv
from relab.training.losses import FILE_NAME, Losses, write_losses

#: By how much the validation loss of each of the segments exceeds their mean, and the targets of each.
APART, TARGETS = (-0.3, -0.1, 0.0, 0.4), (10, 10, 10, 10)

#: How much lower the training loss is at the end without dropout than on the way there.
DROPOUT = 0.125


def save_losses(history: Path) -> Path:
    """Write ``losses.parquet`` beside a ``history.csv``: its validation losses, and at the last step a training loss that is
    lower than the history's by :data:`DROPOUT`."""
    rows = read_csv(history)
    evaluations = [_losses("validation", row.step, row.validation_loss) for row in rows.itertuples()]
    last = rows.iloc[-1]
    evaluations.append(_losses("train", last["step"], last["train_loss"] - DROPOUT))
    write_losses(history.parent / FILE_NAME, evaluations)
    return history.parent / FILE_NAME


def _losses(split: str, step: int, mean: float) -> Losses:
    nats = [(mean + apart) * targets for apart, targets in zip(APART, TARGETS, strict=True)]
    return Losses(split, int(step), nats, list(TARGETS))
