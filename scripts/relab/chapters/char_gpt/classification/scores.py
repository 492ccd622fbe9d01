"""A6's scores: each classifier on the test split, and pairs of them on the same rows.

Experiments are ``{data set}/{system}`` and ``{data set}/{system} − {other}``. Accuracy, macro-F1 and the F1 of each class have
a row a seed; the metrics ``…, mean over seeds`` have the interval of that mean over test rows, as the differences have. The
split ``validation`` holds what the penalty was chosen by.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, SPLIT, Probe, f1_of, over_seeds, pairs
from relab.metrics.classification import ClassificationFigures, Resampled, interval
from relab.scores import score
from relab.settings.base import canonical

#: Metrics by their key among the figures of a system.
METRICS = {"accuracy": ACCURACY, "macro_f1": MACRO_F1}


def classification_scores(probe: Probe, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe. Their data is the labels of the test rows: other rows, other scores."""
    first = predictions[(predictions["system"] == predictions["system"].iloc[0])]
    references = first[first["seed"] == first["seed"].iloc[0]].sort_values("row")["label"].tolist()
    data = hashlib.sha256(canonical([probe.dataset, references]).encode()).hexdigest()[:12]
    resampled = Resampled(references, probe.classes)
    found = {
        system: {int(seed): own.sort_values("row")["prediction"].tolist() for seed, own in rows.groupby("seed")}
        for system, rows in predictions.groupby("system", sort=False)
    }
    means = {system: _mean_over_seeds(resampled, list(own.values())) for system, own in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        metric = ClassificationFigures(keep_in_memory=True, cache_dir=folder)
        points = {
            system: {
                seed: metric.compute(predictions=own, references=references, labels=probe.classes)
                for seed, own in seeds.items()
            }
            for system, seeds in found.items()
        }
    rows = (
        *_system_scores(probe, found, points, means, resampled),
        *_pair_scores(probe, points, means, len(references)),
        *_validation_scores(probe, chosen),
    )
    yield from ({**row, "data": data} for row in rows)


def _mean_over_seeds(resampled: Resampled, predictions: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    figures = [resampled.figures(own) for own in predictions]
    return {key: np.mean([one[key] for one in figures], axis=0) for key in (*METRICS, "f1")}


def _system_scores(
    probe: Probe, found: Mapping[str, Mapping[int, Sequence[str]]], points: Mapping[str, Mapping[int, dict]],
    means: Mapping[str, dict], resampled: Resampled,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    rows = len(resampled.own)
    for system, seeds in found.items():
        experiment = f"{probe.dataset}/{system}"
        for seed, own in seeds.items():
            figures = resampled.figures(own)
            for key, metric in METRICS.items():
                yield score(experiment, seed, SPLIT, metric, points[system][seed][key], rows, *interval(figures[key]))
            for place, label in enumerate(probe.classes):
                value, count = points[system][seed]["f1"][place], int((resampled.own == place).sum())
                yield score(experiment, seed, SPLIT, f1_of(label), value, count, *interval(figures["f1"][:, place]))
        for key, metric in METRICS.items():
            value = np.mean([one[key] for one in points[system].values()])
            yield score(experiment, min(seeds), SPLIT, over_seeds(metric), value, rows, *interval(means[system][key]))
        for place, label in enumerate(probe.classes):
            value, count = np.mean([one["f1"][place] for one in points[system].values()]), int((resampled.own == place).sum())
            drawn = interval(means[system]["f1"][:, place])
            yield score(experiment, min(seeds), SPLIT, over_seeds(f1_of(label)), value, count, *drawn)


def _pair_scores(
    probe: Probe, points: Mapping[str, Mapping[int, dict]], means: Mapping[str, dict], rows: int
) -> Iterator[dict[str, Any]]:
    for system, other, _ in pairs(probe.features):
        for key, metric in METRICS.items():
            own, others = ([one[key] for one in points[each].values()] for each in (system, other))
            value, drawn = np.mean(own) - np.mean(others), means[system][key] - means[other][key]
            yield score(f"{probe.dataset}/{system} − {other}", 0, SPLIT, metric, value, rows, *interval(drawn))


def _validation_scores(probe: Probe, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in chosen.itertuples():
        for column, metric in (("validation_accuracy", ACCURACY), ("validation_macro_f1", MACRO_F1)):
            yield score(f"{probe.dataset}/{row.system}", row.seed, "validation", metric, getattr(row, column))
