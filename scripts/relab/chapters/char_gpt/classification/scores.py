"""A6's scores: each classifier on the test split, and pairs of them on the same rows.

Experiments are ``{data set}/{system}`` and ``{data set}/{system} − {other}``, as in :mod:`relab.rows.shared.systems`. The split
``validation`` holds what the penalty was chosen by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, Probe, pairs
from relab.rows.shared.systems import system_scores
from relab.scores import score
from relab.statistics import identity


def classification_scores(probe: Probe, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe. Their data is the labels of the test rows: other rows, other scores."""
    references, found = by_system(predictions)
    data = data_of(probe.dataset, references)
    compared = [(system, other) for system, other, _ in pairs(probe.features)]
    yield from system_scores(probe.dataset, probe.classes, references, found, compared, data)
    yield from _validation_scores(probe, chosen, data)


def by_system(predictions: pd.DataFrame) -> tuple[list[str], dict[str, dict[int, list[str]]]]:
    """The true classes in the order of rows, and what each system predicts with each seed."""
    first = predictions[(predictions["system"] == predictions["system"].iloc[0])]
    references = first[first["seed"] == first["seed"].iloc[0]].sort_values("row")["label"].tolist()
    return references, {
        system: {int(seed): own.sort_values("row")["prediction"].tolist() for seed, own in rows.groupby("seed")}
        for system, rows in predictions.groupby("system", sort=False)
    }


def data_of(dataset: str, references: list[str]) -> str:
    """What tells the data of scores apart: a digest of the labels of the test rows."""
    return identity(dataset, references)


def _validation_scores(probe: Probe, chosen: pd.DataFrame, data: str) -> Iterator[dict[str, Any]]:
    for row in chosen.itertuples():
        for column, metric in (("validation_accuracy", ACCURACY), ("validation_macro_f1", MACRO_F1)):
            yield score(f"{probe.dataset}/{row.system}", row.seed, "validation", metric, getattr(row, column), data)
