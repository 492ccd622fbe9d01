"""Which documents are for training and which for validation."""

from __future__ import annotations

import numpy as np


def distinct(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell texts that occur once or for the first time from later copies.

    Args:
        digests: a 64-bit digest of each text, in order.

    Returns:
        A boolean for each text, true where no earlier one equals it, and for each text the place of the first that does (its
        own for most).
    """
    order = np.argsort(digests, kind="stable")  # equal texts side by side, the earliest first
    ordered = digests[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    del ordered
    runs = np.flatnonzero(begins)
    first = np.empty(len(order), np.int64)
    first[order] = order[runs].repeat(np.diff(runs, append=len(order)))
    return first == np.arange(len(first)), first


def share_of(number: int, share: float) -> int:
    """How many of ``number`` texts, two or more, are for validation: ``round(share * number)``, at least one and not all."""
    return min(max(round(share * number), 1), number - 1)


def draw(number: int, share: float, seed: int) -> np.ndarray:
    """Draw :func:`share_of` them of ``number`` texts for validation.

    Returns a boolean for each text, true where it is for validation. The random numbers are the raw output of NumPy's PCG64,
    which is the same on every platform and in every version, unlike that of its distributions.
    """
    keys = np.random.PCG64(seed).random_raw(number)
    chosen = np.zeros(number, bool)
    chosen[np.argsort(keys, kind="stable")[: share_of(number, share)]] = True
    return chosen


def cut(lengths: np.ndarray, separator: int, share: float) -> tuple[int, int]:
    """Where the lecture's cut falls: the first ``int((1 - share) * total)`` characters of the joined text are for training.

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
    place = min(max(int((1 - share) * total), 1), total - 1)
    document = int(np.searchsorted(starts, place, side="right")) - 1
    return document, min(place - int(starts[document]), int(lengths[document]))
