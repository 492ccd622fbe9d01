"""What the jobs of a row share: their settings, the names of experiments and pairs.

Experiments are ``classifiers/{data set}/{system}`` and ``… − {other}``, where a system is one of a probe by its name there, or
the key of a declaration of fine-tuned classifiers; of what a tokenizer makes of the training rows, ``classifiers/{data
set}/{key}`` with the split ``train``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relab.probes.systems import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, classifier_system
from relab.rows.shared.shown_probes import ShownProbes
from relab.rows.shared.systems import ClassifierProbe
from relab.settings.base import Int, Name, Settings
from relab.settings.classifiers import Adaptation

TRAIN = "train"
WORDS_SPLIT, DISTINCT_SPLIT = "share of words split", "share of distinct words split"


class Finetuned(Settings):
    """A fine-tuned classifier."""

    declaration: str  #: which names it whatever its seed
    dataset: Name
    seed: Int
    model: str  #: what it was fine-tuned from, as tables call it
    pretrained: bool  #: whether it started from the model's weights
    adaptation: Adaptation


class Spec(ShownProbes[ClassifierProbe]):
    """Settings of the jobs: the baselines, and the fine-tuned classifiers by name, in the order of tables."""

    classifiers: dict[str, Finetuned]
    classifier_order: list[str]

    def declarations(self, dataset: str) -> dict[str, dict[str, Finetuned]]:
        """The fine-tuned classifiers on a data set by declaration, each with its seeds' classifiers by name, in order."""
        members: dict[str, dict[str, Finetuned]] = {}
        for member in self.classifier_order:
            classifier = self.classifiers[member]
            if classifier.dataset == dataset:
                members.setdefault(classifier.declaration, {})[member] = classifier
        return members


def prefix(dataset: str) -> str:
    """What the names of the experiments on a data set begin with."""
    return f"classifiers/{dataset}"


def unweighted(features: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Features and classifier of the systems of a probe without class weights, baselines first."""
    yield "none", MAJORITY
    yield TFIDF, LOGISTIC
    for feature in features:
        yield feature, LOGISTIC
        yield feature, PERCEPTRON


def pairs(features: Sequence[str], declarations: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What is compared on the same test rows: a system, another one, and what the comparison asks."""
    for declaration in declarations:
        yield declaration, MAJORITY, "fine-tuned against the majority"
        yield declaration, classifier_system(TFIDF, LOGISTIC), "fine-tuned against TF-IDF"
        for feature in features:
            yield declaration, classifier_system(feature, LOGISTIC), "fine-tuned against frozen features"
    for number, declaration in enumerate(declarations):
        for earlier in declarations[:number]:
            yield declaration, earlier, "one network against another"
