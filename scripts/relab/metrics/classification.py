"""Accuracy and F1 of classifiers: scikit-learn's figures as a metric, and the same row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import datasets
import evaluate
import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from relab.statistics import Measurement, average


class ClassificationFigures(evaluate.Metric):
    """Accuracy, macro-F1, F1 of each class and the confusion matrix.

    ``compute(predictions=names of classes, references=names of classes, labels=all names in order)`` returns ``accuracy``,
    ``macro_f1``, ``f1`` (a list, 0 for a class without rows or predictions) and ``confusion`` (rows: references).
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Accuracy, macro-F1, F1 of each class, confusion matrix (scikit-learn).",
            citation="Pedregosa et al. 2011, Scikit-learn: Machine Learning in Python",
            inputs_description="predictions, references: names of classes. labels: all of them, in order.",
            features=datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")}),
        )

    def _compute(self, predictions: Sequence[str], references: Sequence[str], labels: Sequence[str]) -> dict:
        f1 = f1_score(references, predictions, labels=labels, average=None, zero_division=0)
        return {
            "accuracy": float(accuracy_score(references, predictions)),
            "macro_f1": float(np.mean(f1)),
            "f1": [float(one) for one in f1],
            "confusion": confusion_matrix(references, predictions, labels=labels).tolist(),
        }


def accuracy(predictions: Sequence[str], references: Sequence[str], items: str) -> Measurement:
    """The share of rows whose class is predicted."""
    return Measurement.of(np.equal(predictions, references), "row", items, "share")


def f1_scores(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str], items: str
) -> dict[str, Measurement]:
    """F1 of each class row by row: twice the rows that are rightly taken for it, by those that are of it or taken for it."""
    predicted, true = np.asarray(predictions), np.asarray(references)
    found = {}
    for label in labels:
        claimed, of_it = predicted == label, true == label
        found[label] = Measurement(2.0 * (claimed & of_it), 1.0 * claimed + of_it, "row", items, "share")
    return found


def macro_f1(f1: Mapping[str, Measurement]) -> Measurement:
    """The mean of F1 over classes; of a class that neither occurs nor is predicted it is 0, as scikit-learn's."""
    return average([one if one.n else replace(one, counts=np.ones_like(one.counts)) for one in f1.values()])
