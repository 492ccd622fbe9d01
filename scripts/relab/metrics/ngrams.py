"""How often a text repeats itself: its distinct n-grams among all of them, over whatever its pieces are (token ids here)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

NAN = float("nan")


def distinct_share(pieces: Sequence[Hashable], size: int) -> float:
    """Distinct runs of ``size`` pieces divided by all of them, in (0, 1]; NaN for a text shorter than one run.

    Source: Li et al. 2016, A Diversity-Promoting Objective Function for Neural Conversation Models ("distinct-n"), which
    counts over all texts; a text by itself, so that longer texts weigh no more and texts can be drawn for an interval.
    """
    runs = list(zip(*(pieces[start:] for start in range(size)), strict=False))
    return len(set(runs)) / len(runs) if runs else NAN


def repeated_share(pieces: Sequence[Hashable], size: int) -> float:
    """Share of the runs of ``size`` pieces that stood in the text before, in [0, 1); NaN for a text shorter than one run.

    Source: Welleck et al. 2020, Neural Text Generation with Unlikelihood Training ("seq-rep-n").
    """
    return 1 - distinct_share(pieces, size)
