"""The measures that a ranking in random order is expected to reach, in closed form: a baseline for retrieval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.metrics.retrieval_names import CUTOFF, MAP, MRR, NDCG, RECALLS, recall


def expected_measures(grades: Sequence[int], documents: int, depth: int) -> dict[str, float]:
    """The expected measures of one query, all orders of the documents being equally likely.

    Args:
        grades: the relevance of the query's relevant documents, above 0, ``[relevant]``.
        documents: documents that are ranked.
        depth: documents of the ranking that are kept and that MAP is over.
    """
    relevant = len(grades)
    share = relevant / documents  # probability of a relevant document at each rank
    discounts = 1 / np.log2(np.arange(2, min(CUTOFF, documents) + 2))
    ideal = np.sort(np.asarray(grades, float))[::-1][: len(discounts)] @ discounts[:relevant]
    ranks = np.arange(1, min(depth, documents) + 1)
    # with a relevant document at a rank, the probability of one at each rank before it
    relevant_before = (relevant - 1) / (documents - 1) if documents > 1 else 0.0
    return {
        NDCG: float(np.sum(grades) / documents * discounts.sum() / ideal),
        **{recall(k): min(k, documents) / documents for k in RECALLS},
        MRR: _first_relevant(relevant, documents),
        MAP: float(np.sum((1 + (ranks - 1) * relevant_before) / ranks) * share / relevant),
    }


def _first_relevant(relevant: int, documents: int) -> float:
    """Expected reciprocal rank of the first relevant document, 0 beyond the cutoff."""
    total, none_before = 0.0, 1.0
    for rank in range(1, min(CUTOFF, documents) + 1):
        probability = min(relevant / (documents - rank + 1), 1.0)
        total += none_before * probability / rank
        none_before *= 1 - probability
    return total
