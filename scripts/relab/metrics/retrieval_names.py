"""Names of the measures of rankings."""

from __future__ import annotations

#: Ranks at which recall is measured.
RECALLS = (1, 2, 5, 10, 20, 50, 100)
NDCG, MRR, MAP = "nDCG@10", "MRR@10", "MAP"
#: The first documents that :data:`NDCG` and :data:`MRR` look at.
CUTOFF = 10


def recall(k: int) -> str:
    """The name of recall among the first ``k`` documents."""
    return f"recall@{k}"
