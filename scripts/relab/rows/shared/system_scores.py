"""Scores of systems that classify the rows of one test split: figures of each, and pairs of them row by row.

Accuracy, macro-F1 and the F1 of each class have a row a seed; a pair of systems without and with seeds has the mean over those
seeds that both have, or over all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from relab.metrics.classification import accuracy, f1_scores, macro_f1
from relab.rows.shared.systems import ACCURACY, MACRO_F1, SPLIT, experiment, f1_of
from relab.scores import score
from relab.statistics import Measurement, difference, units_digest

#: Names of the classes that each system predicts, by its seed, in the order of rows.
Predictions = Mapping[str, Mapping[int, Sequence[str]]]

#: The measurements of one system by metric and seed.
Measured = dict[str, dict[int, Measurement]]


def system_scores(
    prefix: str,
    classes: Sequence[str],
    labels: Sequence[str],
    predictions: Predictions,
    pairs: Iterable[tuple[str, str]],
    data: str,
) -> Iterator[dict[str, Any]]:
    """The scores of all systems and of pairs of them.

    Args:
        prefix: what the names of the experiments begin with.
        labels: the true class of each row.
        pairs: a system, and the one that it is compared with.
        data: a digest of the rows.
    """
    measured = {system: _measured(seeds, labels, classes, data) for system, seeds in predictions.items()}
    for system, metrics in measured.items():
        for metric, seeds in metrics.items():
            for seed, measurement in seeds.items():
                yield score(experiment(prefix, system), seed, SPLIT, metric, measurement, data)
    for system, reference in pairs:
        for metric in (ACCURACY, MACRO_F1):
            beyond = difference(measured[system][metric], measured[reference][metric])
            yield score(experiment(prefix, system, reference), 0, SPLIT, metric, beyond, data)


def _measured(seeds: Mapping[int, Sequence[str]], labels: Sequence[str], classes: Sequence[str], data: str) -> Measured:
    measured: Measured = {metric: {} for metric in (ACCURACY, MACRO_F1, *map(f1_of, classes))}
    for seed, predicted in seeds.items():
        f1 = f1_scores(predicted, labels, classes, data)
        measured[ACCURACY][seed] = accuracy(predicted, labels, data)
        measured[MACRO_F1][seed] = macro_f1(f1)
        for label, of_class in f1.items():
            measured[f1_of(label)][seed] = of_class
    return measured


def by_system(predictions: pd.DataFrame) -> tuple[list[str], dict[str, dict[int, list[str]]]]:
    """The predictions of a probe as true classes in the order of rows, and what each system predicts with each seed."""
    first = predictions[predictions["system"] == predictions["system"].iloc[0]]
    labels = first[first["seed"] == first["seed"].iloc[0]].sort_values("row")["label"].tolist()
    return labels, {
        system: {int(seed): rows.sort_values("row")["prediction"].tolist() for seed, rows in seeds.groupby("seed")}
        for system, seeds in predictions.groupby("system", sort=False)
    }


def digest_of(dataset: str, labels: Sequence[str]) -> str:
    """What tells the data of scores apart: a digest of the true classes of the test rows."""
    return units_digest(dataset, labels)
