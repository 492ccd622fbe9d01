"""Reciprocal-rank fusion (Cormack, Clarke & Büttcher 2009): one ranking of several, by ranks alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.probes.search import Ranked


def fuse(rankings: Sequence[np.ndarray], constant: int, depth: int) -> Ranked:
    """The documents with the largest sum of 1 / (``constant`` + rank) over the rankings that hold them.

    Args:
        rankings: documents ``[queries, any number]``, the best first, -1 for none.
        constant: k of the formula; ranks begin at 1.
        depth: documents of each query.
    """
    documents = np.full((len(rankings[0]), depth), -1)
    scores = np.full(documents.shape, np.nan)
    weights = np.concatenate([1 / (constant + np.arange(1, ranked.shape[1] + 1)) for ranked in rankings])
    for row, ranked in enumerate(zip(*rankings, strict=True)):
        joined = np.concatenate(ranked)
        candidates, positions = np.unique(joined[joined >= 0], return_inverse=True)
        # rounded, so that sums do not depend on the order of addition
        sums = np.bincount(positions, weights[joined >= 0], minlength=len(candidates)).round(12)
        order = np.lexsort((candidates, -sums))[:depth]
        documents[row, : len(order)], scores[row, : len(order)] = candidates[order], sums[order]
    return Ranked(documents, scores)
