"""Scores of systems that classify the rows of one test split: figures of each with intervals, and pairs of them.

An experiment is ``{place}/{system}``, of a pair ``{place}/{system} − {other}``. Accuracy, macro-F1 and the F1 of each class
have a row a seed; the metrics ``…, mean over seeds`` have the interval of that mean over test rows, as the differences have.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, SPLIT, f1_of, over_seeds
from relab.metrics.classification import ClassificationFigures, Resampled, interval
from relab.scores import score

#: Metrics by their key among the figures of a system.
METRICS = {"accuracy": ACCURACY, "macro_f1": MACRO_F1}

#: Names of the classes that each system predicts, by its seed, in the order of rows.
Predictions = Mapping[str, Mapping[int, Sequence[str]]]


def system_scores(
    place: str, classes: Sequence[str], references: Sequence[str], found: Predictions, pairs: Iterable[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """The scores of all systems and of pairs of them on rows with the classes ``references``."""
    resampled = Resampled(references, classes)
    means = {system: _mean_over_seeds(resampled, list(own.values())) for system, own in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        metric = ClassificationFigures(keep_in_memory=True, cache_dir=folder)
        points = {
            system: {
                seed: metric.compute(predictions=own, references=references, labels=classes) for seed, own in seeds.items()
            }
            for system, seeds in found.items()
        }
    yield from _systems(place, classes, found, points, means, resampled)
    yield from _pairs(place, pairs, points, means, len(references))


def _mean_over_seeds(resampled: Resampled, predictions: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    figures = [resampled.figures(own) for own in predictions]
    return {key: np.mean([one[key] for one in figures], axis=0) for key in (*METRICS, "f1")}


def _systems(
    place: str, classes: Sequence[str], found: Predictions, points: Mapping[str, Mapping[int, dict]],
    means: Mapping[str, dict], resampled: Resampled,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    rows = len(resampled.own)
    for system, seeds in found.items():
        experiment = f"{place}/{system}"
        for seed, own in seeds.items():
            figures = resampled.figures(own)
            for key, metric in METRICS.items():
                yield score(experiment, seed, SPLIT, metric, points[system][seed][key], rows, *interval(figures[key]))
            for number, label in enumerate(classes):
                value, count = points[system][seed]["f1"][number], int((resampled.own == number).sum())
                yield score(experiment, seed, SPLIT, f1_of(label), value, count, *interval(figures["f1"][:, number]))
        for key, metric in METRICS.items():
            value = np.mean([one[key] for one in points[system].values()])
            yield score(experiment, min(seeds), SPLIT, over_seeds(metric), value, rows, *interval(means[system][key]))
        for number, label in enumerate(classes):
            value = np.mean([one["f1"][number] for one in points[system].values()])
            count, drawn = int((resampled.own == number).sum()), interval(means[system]["f1"][:, number])
            yield score(experiment, min(seeds), SPLIT, over_seeds(f1_of(label)), value, count, *drawn)


def _pairs(
    place: str, pairs: Iterable[tuple[str, str]], points: Mapping[str, Mapping[int, dict]], means: Mapping[str, dict], rows: int
) -> Iterator[dict[str, Any]]:
    for system, other in pairs:
        for key, metric in METRICS.items():
            own, others = ([one[key] for one in points[each].values()] for each in (system, other))
            value, drawn = np.mean(own) - np.mean(others), means[system][key] - means[other][key]
            yield score(f"{place}/{system} − {other}", 0, SPLIT, metric, value, rows, *interval(drawn))
