"""What the jobs of a row share: their settings, and which pairs of systems are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relab.probes.names import LOGISTIC, PERCEPTRON, TFIDF, name
from relab.rows.shared.shown_probes import ShownProbes, TitledProbes
from relab.rows.shared.systems import ClassifierProbe

Spec = ShownProbes[ClassifierProbe]
TableSpec = TitledProbes[ClassifierProbe]


def pairs(features: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What is compared on the same test rows: a system, another one, and what the comparison asks."""
    for feature in features:
        yield name(feature, PERCEPTRON), name(feature, LOGISTIC), "perceptron against logistic regression"
    for feature in features:
        for classifier in (LOGISTIC, PERCEPTRON):
            yield name(feature, classifier, True), name(feature, classifier), "class weights against none"
    for feature in features:
        yield name(feature, LOGISTIC), name(TFIDF, LOGISTIC), "frozen features against TF-IDF"
    yield name(TFIDF, LOGISTIC, True), name(TFIDF, LOGISTIC), "class weights against none"
