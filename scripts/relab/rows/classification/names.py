"""What the jobs of a row share: their settings, and which pairs of systems are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relab.probes.systems import LOGISTIC, PERCEPTRON, TFIDF, classifier_system
from relab.rows.shared.shown_probes import ShownProbes
from relab.rows.shared.systems import ClassifierProbe

Spec = ShownProbes[ClassifierProbe]


def pairs(features: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What is compared on the same test rows: a system, another one, and what the comparison asks."""
    for feature in features:
        yield (
            classifier_system(feature, PERCEPTRON),
            classifier_system(feature, LOGISTIC),
            "perceptron against logistic regression",
        )
    for feature in features:
        for classifier in (LOGISTIC, PERCEPTRON):
            yield (
                classifier_system(feature, classifier, True),
                classifier_system(feature, classifier),
                "class weights against none",
            )
    for feature in features:
        yield classifier_system(feature, LOGISTIC), classifier_system(TFIDF, LOGISTIC), "frozen features against TF-IDF"
    yield classifier_system(TFIDF, LOGISTIC, True), classifier_system(TFIDF, LOGISTIC), "class weights against none"
