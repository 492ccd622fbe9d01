"""Which documents are for training and which for validation."""

from __future__ import annotations

import numpy as np


def first_occurrences(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the first occurrence of each text.

    Args:
        digests: a 64-bit digest of each text, in order.

    Returns:
        For each text whether no earlier text equals it, and the index of its first occurrence (its own index for most).
    """
    index_type = np.uint32 if len(digests) < 2**32 else np.int64  # half the memory, of which this has the most of a corpus
    order = np.argsort(digests, kind="stable").astype(index_type)  # equal texts side by side, the earliest first
    ordered = digests[order]
    is_run_start = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    del ordered
    run_starts = np.flatnonzero(is_run_start).astype(index_type)
    first = np.empty(len(order), index_type)
    first[order] = order[run_starts].repeat(np.diff(run_starts, append=index_type(len(order))))
    return first == np.arange(len(first), dtype=index_type), first


def split_size(count: int, share: float) -> int:
    """Items of a split with this share of ``count`` items, two or more: ``round(share * count)``, at least one and not all."""
    return min(max(round(share * count), 1), count - 1)


def draw_validation(count: int, share: float, seed: int) -> np.ndarray:
    """Draw :func:`split_size` of ``count`` texts for validation.

    Returns a boolean for each text, true where it is for validation. The random numbers are the raw output of NumPy's PCG64,
    which is the same on every platform and in every version, unlike that of its distributions.
    """
    keys = np.random.PCG64(seed).random_raw(count)
    chosen = np.zeros(count, bool)
    chosen[np.argsort(keys, kind="stable")[: split_size(count, share)]] = True
    return chosen


def contiguous_cut(lengths: np.ndarray, separator: int, share: float) -> tuple[int, int]:
    """Where a contiguous split cuts: the first ``int((1 - share) * total)`` characters of the joined text are for training.

    Args:
        lengths: characters of each document, in order.
        separator: characters of the separator between two documents.
        share: share of the characters for validation; at least one character is on either side.

    Returns:
        The document that the cut falls into and the number of its characters on the training side, which is 0 or all of them
        where the cut falls between two documents. A separator at the cut belongs to neither side.
    """
    starts = np.cumsum(lengths + separator) - lengths - separator
    total = int(starts[-1] + lengths[-1])
    position = min(max(int((1 - share) * total), 1), total - 1)
    document = int(np.searchsorted(starts, position, side="right")) - 1
    return document, min(position - int(starts[document]), int(lengths[document]))
