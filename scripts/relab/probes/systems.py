"""Names of the systems of probes, as they stand in predictions, scores and tables."""

from __future__ import annotations

from relab.settings.probes import Ranker, Retriever

TFIDF = "TF-IDF"
MAJORITY, LOGISTIC, PERCEPTRON, WEIGHTED = "majority", "logistic regression", "perceptron", "weighted "

#: The longest of the choices by characters, the first of equal ones.
LONGEST = "longest choice"

BM25 = "BM25"


def classifier_system(features: str, classifier: str, weighted: bool = False) -> str:
    """The name of a classifier on features."""
    return MAJORITY if classifier == MAJORITY else f"{features} {WEIGHTED if weighted else ''}{classifier}"


def cosine_system(features: str) -> str:
    """The name of the system that takes the choice with the highest cosine."""
    return f"{features} cosine"


def scorer_system(features: str, scorer: str) -> str:
    """The name of a trained scorer of choices."""
    return f"{features} {scorer}"


def ranker_systems(probe: Ranker) -> dict[str, list[int]]:
    """The systems of a ranker with their seeds, in the order of tables: the longest choice, then for each of its features the
    cosine and the scorers trained on them."""
    systems = {LONGEST: [0]}
    for features in probe.features:
        systems[cosine_system(features)] = [0]
        systems |= {scorer_system(features, scorer): list(probe.seeds) for scorer in probe.scorers}
    return systems


def fused_system(features: str) -> str:
    """The name of the fusion of a cosine ranking and BM25."""
    return f"{features} + {BM25}"


def retriever_systems(probe: Retriever) -> list[str]:
    """The systems of a retriever: a cosine for each of its features, BM25, and each cosine fused with it."""
    return [*probe.features, BM25, *map(fused_system, probe.features)]
