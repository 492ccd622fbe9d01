"""Scores of a training's losses, as several chapters have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.chapters.char_gpt.logs import BITS, LOSSES
from relab.chapters.char_gpt.names import at
from relab.chapters.mingpt.names import BEST, BITS_PER_BYTE, FINAL, INITIAL, LOSS
from relab.scores import score


def loss_scores(experiment: str, seed: int, history: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Losses of a model at every evaluation; one without a value (training before its first step) has ``n`` 0."""
    validation = history[LOSSES["validation"]]
    yield loss_score(experiment, seed, "validation", INITIAL, validation.iloc[0])
    yield loss_score(experiment, seed, "validation", BEST, validation.min())
    for split, column in LOSSES.items():
        yield loss_score(experiment, seed, split, FINAL, history[column].iloc[-1])
        yield loss_score(experiment, seed, split, BITS_PER_BYTE, history[BITS[split]].iloc[-1])
        for step, value in history[column].items():
            yield loss_score(experiment, seed, split, at(LOSS, step), value)


def loss_score(experiment: str, seed: int, split: str, metric: str, value: float) -> dict[str, Any]:
    return score(experiment, seed, split, metric, value, n=0 if pd.isna(value) else 1)
