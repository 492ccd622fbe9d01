"""Reciprocal-rank fusion (Cormack, Clarke & Büttcher 2009): one ranking of several, by ranks alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.probes.search import Ranked


def fuse(rankings: Sequence[np.ndarray], constant: int, depth: int) -> Ranked:
    """The documents of the largest sum of 1 / (``constant`` + rank) over the rankings that hold them.

    Args:
        rankings: documents ``[queries, any number]``, the best first, -1 for none.
        constant: k of the formula; ranks begin at 1.
        depth: documents of each query.
    """
    documents = np.full((len(rankings[0]), depth), -1)
    scores = np.full(documents.shape, np.nan)
    weights = np.concatenate([1 / (constant + np.arange(1, own.shape[1] + 1)) for own in rankings])
    for row, own in enumerate(zip(*rankings, strict=True)):
        held = np.concatenate(own)
        names, place = np.unique(held[held >= 0], return_inverse=True)
        # rounded, so that sums are equal in whatever order they were added
        sums = np.bincount(place, weights[held >= 0], minlength=len(names)).round(12)
        order = np.lexsort((names, -sums))[:depth]
        documents[row, : len(order)], scores[row, : len(order)] = names[order], sums[order]
    return Ranked(documents, scores)
