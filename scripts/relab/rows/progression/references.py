"""What generated text is measured against: text that people wrote, and characters drawn by their frequency.

Both are made the way the texts of the tables are: pieces of the same length that start at the start of a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from relab.errors import UserError

#: Pieces of each kind and seed.
PIECES = 256

#: What stands before each piece.
PROMPT = "\n"


def documents(path: Path) -> Iterator[str]:
    """The documents of a split, a batch of rows in memory at a time."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1000, columns=["text"]):
        yield from batch.column("text").to_pylist()


def frequencies(texts: Iterable[str]) -> Counter[str]:
    """How often each character stands in some documents; a document's end counts as one line end."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
        counts["\n"] += 1
    return counts


def held_out(texts: Iterable[str], length: int, seed: int) -> list[str]:
    """``PIECES`` pieces of ``length`` characters of real text, drawn among the starts of its lines; fewer where it is short.

    Raises:
        UserError: where there is no text.
    """
    stream = "\n".join(texts)
    if not stream:
        raise UserError("the validation text is empty")
    starts = [0, *(at + 1 for at, character in enumerate(stream) if character == "\n")]
    fitting = [start for start in starts if start + length <= len(stream)] or [0]
    drawn = np.random.default_rng(seed).choice(fitting, min(PIECES, len(fitting)), replace=False)
    return [stream[start : start + length] for start in sorted(drawn)]


def drawn_characters(counts: Counter[str], length: int, seed: int) -> list[str]:
    """``PIECES`` pieces of ``length`` characters, each drawn by its frequency whatever stands beside it."""
    characters = sorted(counts)
    weights = np.array([counts[character] for character in characters], dtype=float)
    drawn = np.random.default_rng(seed).choice(characters, (PIECES, length), p=weights / weights.sum())
    return ["".join(row) for row in drawn]
