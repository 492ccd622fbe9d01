"""Texts that people wrote, cut to the lengths of texts that a model wrote: the row that judged perplexities are read beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from relab.corpora.storage import documents
from relab.errors import UserError


def human_texts(path: str | Path, lengths: Sequence[int], number: int) -> list[str]:
    """Beginnings of ``number`` documents of a corpus's split, evenly spread over those that are long enough for any length.

    Args:
        path: a split of a corpus (Parquet); blanks around a document are no part of it.
        lengths: characters of the texts that these stand beside; the first document is cut to the first length, and so on in
            turns, and then back to where a word ends. Lengths of 0 are passed over.
        number: documents.

    Raises:
        UserError: too few documents that are long enough; no length above 0.
    """
    lengths = [length for length in lengths if length]
    if not lengths:
        raise UserError("expected texts whose lengths the held-out documents can be cut to, found only empty ones")
    least = max(lengths)
    long = [document for document in map(str.strip, documents(path)) if len(document) >= least]
    if len(long) < number:
        raise UserError(
            f"{path}: expected {number} documents of at least {least} characters, the longest text that they stand beside, "
            f"found {len(long)}"
        )
    chosen = [long[index * len(long) // number] for index in range(number)]
    return [shortened(document, lengths[index % len(lengths)]) for index, document in enumerate(chosen)]


def shortened(text: str, length: int) -> str:
    """The first ``length`` characters, cut back to the end of a word, but for one that is longer than that by itself."""
    start = text[:length]
    if text[length : length + 1].strip():  # a word may go on
        start = re.sub(r"\s\S*$", "", start)
    return start.rstrip()
