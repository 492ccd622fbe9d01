"""Classifiers on frozen features and the baselines beside them, fitted by scikit-learn.

Systems are ``majority``, ``TF-IDF logistic regression``, and for each feature (encoder and pooling) ``{feature} logistic
regression`` and ``{feature} perceptron``; each but the first also ``weighted``: rows count by the inverse frequency of their
class. The strength of the penalty is chosen by macro-F1 on validation; what is fitted is fitted on training rows alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from relab.datasets.draws import random_keys, stratified_sample
from relab.probes.names import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, name
from relab.settings.probes import Classifier

#: Inputs of each split by feature: vectors ``[rows, width]``, and for TF-IDF the texts themselves.
Inputs = Mapping[str, Mapping[str, Any]]
#: Names of the classes of each split's rows.
Labels = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Fitted:
    """One fitted system: what it is, how it was chosen, and what it makes of validation."""

    features: str
    classifier: str
    weighted: bool
    seed: int
    regularisation: float
    model: Any
    validation: Mapping[str, float]

    @property
    def system(self) -> str:
        return name(self.features, self.classifier, self.weighted)


def fit_all(inputs: Inputs, labels: Labels, settings: Classifier) -> Iterator[Fitted]:
    """Fit every system of a probe; perceptrons once a seed, the others are the same whatever the seed."""
    yield _majority(inputs, labels)
    for features in inputs["train"]:
        for weighted in (False, True):
            yield _chosen(inputs, labels, features, LOGISTIC, weighted, settings.regularisation, 0, settings)
        if features == TFIDF:
            continue
        for weighted in (False, True):
            first, *others = settings.perceptron.seeds
            fitted = _chosen(inputs, labels, features, PERCEPTRON, weighted, settings.perceptron.penalties, first, settings)
            yield fitted
            for seed in others:  # with the penalty that the first seed has chosen
                yield _chosen(inputs, labels, features, PERCEPTRON, weighted, [fitted.regularisation], seed, settings)


def _majority(inputs: Inputs, labels: Labels) -> Fitted:
    model = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(labels["train"]), 1)), labels["train"])
    predicted = model.predict(np.zeros((len(labels["validation"]), 1)))
    return Fitted("none", MAJORITY, False, 0, float("nan"), model, measures(labels["validation"], predicted))


def _chosen(
    inputs: Inputs, labels: Labels, features: str, classifier: str, weighted: bool, strengths: Sequence[float], seed: int,
    settings: Classifier,
) -> Fitted:  # fmt: skip
    """The best of several strengths of the penalty on validation; the first of equal ones."""
    found = []
    for strength in strengths:
        model = fitted(inputs["train"][features], labels["train"], features, classifier, weighted, strength, seed, settings)
        predicted = model.predict(inputs["validation"][features])
        found.append(Fitted(features, classifier, weighted, seed, strength, model, measures(labels["validation"], predicted)))
    return max(found, key=lambda one: one.validation["macro_f1"])


def fitted(
    inputs: Any, labels: np.ndarray, features: str, classifier: str, weighted: bool, strength: float, seed: int,
    settings: Classifier,
) -> Pipeline:  # fmt: skip
    """One system fitted on rows: inputs ``[rows, width]`` or texts, labels ``[rows]``."""
    first = TfidfVectorizer(sublinear_tf=True, dtype=np.float32) if features == TFIDF else StandardScaler()
    if classifier == LOGISTIC:
        last = LogisticRegression(C=strength, max_iter=2000, class_weight="balanced" if weighted else None)
        weights = {}
    else:
        shape = settings.perceptron
        batch = min(shape.batch, len(labels))
        last = MLPClassifier(
            (shape.hidden,), alpha=strength, early_stopping=True, max_iter=shape.epochs, batch_size=batch, random_state=seed
        )
        weights = {"mlpclassifier__sample_weight": compute_sample_weight("balanced", labels)} if weighted else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops at max_iter: told by the figures it reaches
        return make_pipeline(first, last).fit(inputs, labels, **weights)


def measures(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Accuracy and macro-F1 of predictions."""
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
    }


def learning_curve(
    inputs: Inputs, labels: Labels, strengths: Mapping[str, float], settings: Classifier
) -> Iterator[dict[str, Any]]:
    """Logistic regression on fewer training rows, several samples a size, scored on validation.

    ``strengths`` is the penalty of each feature, chosen on all training rows. Samples hold classes in proportion; all rows are
    one sample.
    """
    rows = len(labels["train"])
    for size in [*(size for size in settings.curve.sizes if size < rows), rows]:
        for draw in range(settings.curve.draws if size < rows else 1):
            chosen = np.flatnonzero(stratified_sample(list(labels["train"]), size, random_keys(rows, draw)))
            own = labels["train"][chosen]
            if len(set(own)) < 2:
                continue
            for features, strength in strengths.items():
                given = inputs["train"][features]
                sample = [given[place] for place in chosen] if features == TFIDF else given[chosen]
                model = fitted(sample, own, features, LOGISTIC, False, strength, 0, settings)
                found = measures(labels["validation"], model.predict(inputs["validation"][features]))
                yield {"features": features, "size": size, "draw": draw, **found}
