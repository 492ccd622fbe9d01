"""Classifiers on frozen features and the baselines beside them, fitted by scikit-learn.

Systems are ``majority``, ``TF-IDF logistic regression``, and for each feature (encoder and pooling) ``{feature} logistic
regression`` and ``{feature} perceptron``; each but the first also ``weighted``: rows count by the inverse frequency of their
class. The strength of the penalty is chosen by macro-F1 on validation; what is fitted is fitted on training rows alone.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from relab.cells import format_fixed
from relab.datasets.draws import random_keys, stratified_sample
from relab.errors import UserError
from relab.files import replacing
from relab.probes.systems import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, classifier_system
from relab.settings.probes import Classifier
from relab.words import DIVIDED

#: Inputs of each split by feature: vectors ``[rows, width]``, and for TF-IDF the texts, divided (:func:`relab.words.divided`).
Inputs = Mapping[str, Mapping[str, Any]]
#: Names of the classes of each split's rows.
Labels = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted system: its features, classifier and penalty, the model, and its metrics on the validation split."""

    features: str
    classifier: str
    weighted: bool
    seed: int
    regularisation: float
    model: Any
    validation: Mapping[str, float]

    @property
    def system(self) -> str:
        return classifier_system(self.features, self.classifier, self.weighted)


def fit_all(inputs: Inputs, labels: Labels, settings: Classifier) -> Iterator[FittedClassifier]:
    """Fit every system of a probe: perceptrons once a seed, the other systems once, since they do not depend on a seed."""
    yield _fit_majority(inputs, labels)
    for features in inputs["train"]:
        for weighted in (False, True):
            yield _fit_best(inputs, labels, features, LOGISTIC, weighted, settings.regularisation, 0, settings)
        if features == TFIDF:
            continue
        for weighted in (False, True):
            first_seed, *seeds = settings.perceptron.seeds
            fit = _fit_best(inputs, labels, features, PERCEPTRON, weighted, settings.perceptron.penalties, first_seed, settings)
            yield fit
            for seed in seeds:  # with the penalty that was chosen for the first seed
                yield _fit_best(inputs, labels, features, PERCEPTRON, weighted, [fit.regularisation], seed, settings)


def _fit_majority(inputs: Inputs, labels: Labels) -> FittedClassifier:
    model = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(labels["train"]), 1)), labels["train"])
    predicted = model.predict(np.zeros((len(labels["validation"]), 1)))
    metrics = classification_metrics(labels["validation"], predicted)
    return FittedClassifier("none", MAJORITY, False, 0, float("nan"), model, metrics)


def _fit_best(
    inputs: Inputs, labels: Labels, features: str, classifier: str, weighted: bool, strengths: Sequence[float], seed: int,
    settings: Classifier,
) -> FittedClassifier:  # fmt: skip
    """Fit with each strength of the penalty and return the best on validation, the first of equal ones."""
    train, validation, fits = inputs["train"][features], inputs["validation"][features], []
    for strength in strengths:
        model = fit_classifier(train, labels["train"], features, classifier, weighted, strength, seed, settings)
        metrics = classification_metrics(labels["validation"], model.predict(validation))
        fits.append(FittedClassifier(features, classifier, weighted, seed, strength, model, metrics))
    return max(fits, key=lambda fit: fit.validation["macro_f1"])


def fit_classifier(
    inputs: Any, labels: np.ndarray, features: str, classifier: str, weighted: bool, strength: float, seed: int,
    settings: Classifier,
) -> Pipeline:  # fmt: skip
    """A pipeline fitted on rows: inputs ``[rows, width]`` or divided texts, labels ``[rows]``.

    On texts without a word it predicts the most frequent class.
    """
    if features == TFIDF and not any(inputs):
        return make_pipeline(DummyClassifier(strategy="most_frequent")).fit(inputs, labels)
    terms = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, token_pattern=DIVIDED)
    transform = terms if features == TFIDF else StandardScaler()
    if classifier == LOGISTIC:
        estimator = LogisticRegression(C=strength, max_iter=2000, class_weight="balanced" if weighted else None)
        weights = {}
    else:
        shape = settings.perceptron
        batch = min(shape.batch, len(labels))
        estimator = MLPClassifier(
            (shape.hidden,), alpha=strength, early_stopping=True, max_iter=shape.epochs, batch_size=batch, random_state=seed
        )
        weights = {"mlpclassifier__sample_weight": compute_sample_weight("balanced", labels)} if weighted else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops at max_iter, and its metrics show how well it does
        return make_pipeline(transform, estimator).fit(inputs, labels, **weights)


def classification_metrics(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Accuracy and macro-F1 of predictions."""
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
    }


def learning_curve(
    inputs: Inputs, labels: Labels, strengths: Mapping[str, float], settings: Classifier
) -> Iterator[dict[str, Any]]:
    """Metrics on validation of logistic regression fitted on samples of the training rows, several samples a size.

    ``strengths`` is the penalty of each feature, chosen on all training rows. Samples keep the proportions of classes; the last
    size is all rows, once.
    """
    rows = len(labels["train"])
    for size in [*(size for size in settings.curve.sizes if size < rows), rows]:
        for draw in range(settings.curve.draws if size < rows else 1):
            indices = np.flatnonzero(stratified_sample(list(labels["train"]), size, random_keys(rows, draw)))
            sample_labels = labels["train"][indices]
            if len(set(sample_labels)) < 2:
                continue
            for features, strength in strengths.items():
                train = inputs["train"][features]
                sample = [train[index] for index in indices] if features == TFIDF else train[indices]
                model = fit_classifier(sample, sample_labels, features, LOGISTIC, False, strength, 0, settings)
                metrics = classification_metrics(labels["validation"], model.predict(inputs["validation"][features]))
                yield {"features": features, "size": size, "draw": draw, **metrics}


def predictions_table(fits: Iterable[FittedClassifier], inputs: Mapping[str, Any], labels: np.ndarray) -> pd.DataFrame:
    """The predictions of each system, a row for each system, seed and test row."""
    frames = []
    for fit in fits:
        predicted = fit.model.predict(np.zeros((len(labels), 1)) if fit.classifier == MAJORITY else inputs[fit.features])
        system = {"system": fit.system, "features": fit.features, "classifier": fit.classifier, "weighted": fit.weighted}
        rows = {"seed": fit.seed, "row": np.arange(len(labels)), "label": labels, "prediction": predicted}
        frames.append(pd.DataFrame({**system, **rows}))
    return pd.concat(frames, ignore_index=True)


def chosen_table(fits: Sequence[FittedClassifier], rows: int, words: str) -> pd.DataFrame:
    """The chosen penalty of each fit and its metrics on validation.

    ``rows`` is the number of training rows, ``words`` how their words are told (:func:`relab.words.words_told`).
    """
    return pd.DataFrame(
        {
            "system": fit.system,
            "seed": fit.seed,
            "regularisation": format_fixed(fit.regularisation, 6),
            "validation_accuracy": format_fixed(fit.validation["accuracy"], 6),
            "validation_macro_f1": format_fixed(fit.validation["macro_f1"], 6),
            "train_rows": rows,
            "words": words if fit.features == TFIDF else "",
        }
        for fit in fits
    )


def save_models(path: str | os.PathLike, fits: Iterable[FittedClassifier]) -> None:
    """Write the fitted models by system and seed, ``{system}/{seed}``, as one skops file, which holds no code."""
    import skops.io

    with replacing(path) as temporary:
        skops.io.dump({f"{fit.system}/{fit.seed}": fit.model for fit in fits}, temporary)


def open_model(path: str | os.PathLike, system: str, seed: int) -> Pipeline:
    """A fitted model of a file of them.

    Raises:
        UserError: no such file, or no such model in it.
    """
    import skops.io

    try:
        models = skops.io.load(path)
    except (zipfile.BadZipFile, TypeError, KeyError, ValueError) as error:
        raise UserError(f"{path}: expected fitted classifiers ({error})") from None
    if f"{system}/{seed}" not in models:
        raise UserError(f"{path}: expected the classifier {system!r} of the seed {seed}, found {', '.join(models)}")
    return models[f"{system}/{seed}"]
