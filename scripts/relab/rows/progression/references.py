"""What generated text is measured against: text that humans wrote, and characters drawn by their frequency.

Both are made the way the texts of the tables are: pieces of the same length that start at the start of a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from relab.errors import UserError

#: Pieces of each kind and seed.
PIECES = 256

#: What stands before each piece.
PROMPT = "\n"


def character_frequencies(texts: Iterable[str]) -> Counter[str]:
    """How often each character stands in some documents; a document's end counts as one line end."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
        counts["\n"] += 1
    return counts


def held_out_pieces(texts: Iterable[str], length: int, seed: int) -> list[str]:
    """``PIECES`` pieces of ``length`` characters of real text, drawn among the starts of its lines; fewer where it is short.

    Raises:
        UserError: where there is no text.
    """
    stream = "\n".join(texts)
    if not stream:
        raise UserError("the validation text is empty")
    starts = [0, *(index + 1 for index, character in enumerate(stream) if character == "\n")]
    fitting = [start for start in starts if start + length <= len(stream)] or [0]
    drawn = np.random.default_rng(seed).choice(fitting, min(PIECES, len(fitting)), replace=False)
    return [stream[start : start + length] for start in sorted(drawn)]


def drawn_pieces(counts: Counter[str], length: int, seed: int) -> list[str]:
    """``PIECES`` pieces of ``length`` characters, each drawn by its frequency whatever stands beside it."""
    characters = sorted(counts)
    weights = np.array([counts[character] for character in characters], dtype=float)
    drawn = np.random.default_rng(seed).choice(characters, (PIECES, length), p=weights / weights.sum())
    return ["".join(row) for row in drawn]
