"""What a ranking in random order is expected to reach, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.metrics.retrieval_names import CUTOFF, MAP, MRR, NDCG, RECALLS, recall


def expected(grades: Sequence[int], documents: int, depth: int) -> dict[str, float]:
    """The expected measures of one query, all orders of the documents being equally likely.

    Args:
        grades: the relevance of the query's relevant documents, above 0, ``[relevant]``.
        documents: documents that are ranked.
        depth: documents of the ranking that are kept, which MAP is over.
    """
    relevant = len(grades)
    share = relevant / documents  # of each rank: how likely a relevant document is there
    discounts = 1 / np.log2(np.arange(2, min(CUTOFF, documents) + 2))
    ideal = np.sort(np.asarray(grades, float))[::-1][: len(discounts)] @ discounts[:relevant]
    ranks = np.arange(1, min(depth, documents) + 1)
    # one relevant document at a rank, and the share of the ranks before it that the other ones take
    before = (relevant - 1) / (documents - 1) if documents > 1 else 0.0
    return {
        NDCG: float(np.sum(grades) / documents * discounts.sum() / ideal),
        **{recall(k): min(k, documents) / documents for k in RECALLS},
        MRR: _first_relevant(relevant, documents),
        MAP: float(np.sum((1 + (ranks - 1) * before) / ranks) * share / relevant),
    }


def _first_relevant(relevant: int, documents: int) -> float:
    """Expected reciprocal rank of the first relevant document, 0 beyond the cutoff."""
    total, none_yet = 0.0, 1.0
    for rank in range(1, min(CUTOFF, documents) + 1):
        here = min(relevant / (documents - rank + 1), 1.0)
        total += none_yet * here / rank
        none_yet *= 1 - here
    return total
