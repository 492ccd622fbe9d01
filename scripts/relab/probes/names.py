"""Names of the systems of a probe that classifies."""

from __future__ import annotations

TFIDF = "TF-IDF"
MAJORITY, LOGISTIC, PERCEPTRON, WEIGHTED = "majority", "logistic regression", "perceptron", "weighted "


def name(features: str, classifier: str, weighted: bool = False) -> str:
    """The name of a system in predictions, scores and tables."""
    return MAJORITY if classifier == MAJORITY else f"{features} {WEIGHTED if weighted else ''}{classifier}"
