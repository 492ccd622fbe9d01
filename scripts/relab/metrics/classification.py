"""Accuracy and F1 of classifiers, row by row, so that they have intervals over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from relab.statistics import Measurement, average


def accuracy(predictions: Sequence[str], references: Sequence[str], items: str) -> Measurement:
    """The share of rows whose class is predicted."""
    return Measurement.of(np.equal(predictions, references), "row", items, "share")


def f1_scores(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str], items: str
) -> dict[str, Measurement]:
    """F1 of each class: twice its correctly predicted rows, divided by its rows plus the rows predicted as it."""
    predicted_labels, true_labels = np.asarray(predictions), np.asarray(references)
    scores = {}
    for label in labels:
        predicted, true = predicted_labels == label, true_labels == label
        scores[label] = Measurement(2.0 * (predicted & true), 1.0 * predicted + true, "row", items, "share")
    return scores


def macro_f1(f1: Mapping[str, Measurement]) -> Measurement:
    """The mean of F1 over classes; 0 for a class that neither occurs nor is predicted, as in scikit-learn."""
    return average([score if score.n else replace(score, counts=np.ones_like(score.counts)) for score in f1.values()])
