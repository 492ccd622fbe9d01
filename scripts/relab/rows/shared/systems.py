"""Scores of systems that classify the rows of one test split: figures of each, and pairs of them row by row.

An experiment is ``{place}/{system}``, of a pair ``{place}/{system} − {other}``. Accuracy, macro-F1 and the F1 of each class
have a row a seed; a pair of systems without and with seeds has the mean over those seeds that both have, or over all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from relab.metrics.classification import accuracy, f1_scores, macro_f1
from relab.scores import score
from relab.statistics import Measurement, difference

SPLIT = "test"
ACCURACY, MACRO_F1 = "accuracy", "macro-F1"


def f1_of(label: str) -> str:
    """The metric of one class."""
    return f"F1 of {label}"


#: Names of the classes that each system predicts, by its seed, in the order of rows.
Predictions = Mapping[str, Mapping[int, Sequence[str]]]

#: The measurements of one system by metric and seed.
Measured = dict[str, dict[int, Measurement]]


def system_scores(
    place: str,
    classes: Sequence[str],
    references: Sequence[str],
    predictions: Predictions,
    pairs: Iterable[tuple[str, str]],
    data: str,
) -> Iterator[dict[str, Any]]:
    """The scores of all systems and of pairs of them on rows with the classes ``references``; ``data`` is the rows' digest."""
    measured = {system: _measured(seeds, references, classes, data) for system, seeds in predictions.items()}
    for system, metrics in measured.items():
        for metric, seeds in metrics.items():
            for seed, one in seeds.items():
                yield score(f"{place}/{system}", seed, SPLIT, metric, one, data)
    for system, other in pairs:
        for metric in (ACCURACY, MACRO_F1):
            apart = difference(measured[system][metric], measured[other][metric])
            yield score(f"{place}/{system} − {other}", 0, SPLIT, metric, apart, data)


def _measured(seeds: Mapping[int, Sequence[str]], references: Sequence[str], classes: Sequence[str], data: str) -> Measured:
    found: Measured = {metric: {} for metric in (ACCURACY, MACRO_F1, *map(f1_of, classes))}
    for seed, predicted in seeds.items():
        f1 = f1_scores(predicted, references, classes, data)
        found[ACCURACY][seed] = accuracy(predicted, references, data)
        found[MACRO_F1][seed] = macro_f1(f1)
        for label, one in f1.items():
            found[f1_of(label)][seed] = one
    return found
