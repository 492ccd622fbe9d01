"""How often a text repeats itself: the share of its n-grams that are distinct, over tokens or words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence


def ngrams(pieces: Sequence[Hashable], size: int) -> list[tuple[Hashable, ...]]:
    """All runs of ``size`` pieces of a text, in order."""
    return list(zip(*(pieces[start:] for start in range(size)), strict=False))


def distinct_share(pieces: Sequence[Hashable], size: int) -> float:
    """Distinct runs of ``size`` pieces divided by all of them, in (0, 1]; NaN for a text shorter than one run.

    Source: Li et al. 2016, A Diversity-Promoting Objective Function for Neural Conversation Models ("distinct-n"), which
    counts over all texts; here text by text, so that longer texts have no more weight and an interval over texts exists.
    """
    runs = ngrams(pieces, size)
    return len(set(runs)) / len(runs) if runs else math.nan


def repeated_share(pieces: Sequence[Hashable], size: int) -> float:
    """Share of the runs of ``size`` pieces that stood in the text before, in [0, 1); NaN for a text shorter than one run.

    Source: Welleck et al. 2020, Neural Text Generation with Unlikelihood Training ("seq-rep-n").
    """
    return 1 - distinct_share(pieces, size)
