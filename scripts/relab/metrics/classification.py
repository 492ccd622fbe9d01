"""Accuracy and F1 of classifiers: scikit-learn's figures as a metric, and the same from many resampled test sets at once."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

RESAMPLES = 2000


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


class Resampled:
    """Bootstrap over the rows of one test set, shared by all systems that predict it, so that differences are paired."""

    def __init__(self, references: Sequence[str], labels: Sequence[str], resamples: int = RESAMPLES, seed: int = 0):
        self.labels = {name: place for place, name in enumerate(labels)}
        self.own = np.array([self.labels[name] for name in references])
        rows = len(self.own)
        self.weights = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), resamples).astype(np.float32)

    def confusions(self, predictions: Sequence[str]) -> np.ndarray:
        """Confusion matrices ``[resamples, classes, classes]`` of one system's predictions (rows: references)."""
        number = len(self.labels)
        cells = self.own * number + np.array([self.labels[name] for name in predictions])
        return (self.weights @ np.eye(number**2, dtype=np.float32)[cells]).reshape(-1, number, number)

    def figures(self, predictions: Sequence[str]) -> dict[str, np.ndarray]:
        """``accuracy``, ``macro_f1`` ``[resamples]`` and ``f1`` ``[resamples, classes]`` of one system."""
        counts = self.confusions(predictions)
        right = np.diagonal(counts, axis1=1, axis2=2)
        claimed = counts.sum(1) + counts.sum(2)
        f1 = np.divide(2 * right, claimed, out=np.zeros_like(right), where=claimed > 0)
        return {"accuracy": right.sum(1) / counts.sum((1, 2)), "macro_f1": f1.mean(1), "f1": f1}


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of resampled values ``[resamples]``."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
