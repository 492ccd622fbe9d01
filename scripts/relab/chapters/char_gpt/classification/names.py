"""What A6's jobs share: their settings, the names of splits, metrics and pairs."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from relab.probes.names import LOGISTIC, PERCEPTRON, name
from relab.rows.shared.shown_probes import ShownProbes, TitledProbes
from relab.settings.base import Int
from relab.settings.probes import Classifier

SPLIT = "test"
ACCURACY, MACRO_F1 = "accuracy", "macro-F1"


class Probe(Classifier):
    """A classifier's settings as its job has them."""

    classes: list[str] = Field(description="The classes in the order of tables.")
    threads: Int = Field(description="Compute threads.")


Spec = ShownProbes[Probe]
TableSpec = TitledProbes[Probe]


def f1_of(label: str) -> str:
    """The metric of one class."""
    return f"F1 of {label}"


def pairs(features: list[str]) -> Iterator[tuple[str, str, str]]:
    """What is compared on the same test rows: a system, another one, and what the comparison asks."""
    for feature in features:
        yield name(feature, PERCEPTRON), name(feature, LOGISTIC), "perceptron against logistic regression"
    for feature in features:
        for classifier in (LOGISTIC, PERCEPTRON):
            yield name(feature, classifier, True), name(feature, classifier), "class weights against none"
    for feature in features:
        yield name(feature, LOGISTIC), name("TF-IDF", LOGISTIC), "frozen features against TF-IDF"
    yield name("TF-IDF", LOGISTIC, True), name("TF-IDF", LOGISTIC), "class weights against none"
