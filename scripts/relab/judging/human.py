"""Texts that humans wrote, cut to the lengths of texts that a model wrote: what judged perplexities are read beside."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from relab.corpora.storage import documents
from relab.errors import UserError


def human_texts(path: str | Path, lengths: Sequence[int], number: int) -> list[str]:
    """Beginnings of ``number`` documents of a corpus's split, whose lengths are spread as those of the texts beside them.

    Each is of another document, drawn evenly from all that are long enough for its own length: a document is not preferred
    for being longer than that. They come in the order of the documents, which has nothing to do with their lengths.

    Args:
        path: a split of a corpus (Parquet); blanks around a document are no part of it.
        lengths: characters of all texts that these stand beside, in any order; lengths of 0 are passed over. Quantiles of
            them are what documents are cut to, and then back to where a word ends.
        number: documents.

    Raises:
        UserError: too few documents that are long enough; no length above 0.
    """
    lengths = sorted(length for length in lengths if length)
    if not lengths:
        raise UserError("expected texts whose lengths the held-out documents can be cut to, found only empty ones")
    cuts = [lengths[(2 * index + 1) * len(lengths) // (2 * number)] for index in range(number)]
    chosen = _assigned([len(document.strip()) for document in documents(path)], cuts, path)
    return [shortened(text.strip(), chosen[index]) for index, text in enumerate(documents(path)) if index in chosen]


def _assigned(sizes: Sequence[int], cuts: Sequence[int], path: str | Path) -> dict[int, int]:
    """For each length a document of that size or more, ``{document: length}``; the longest first, whose choice is least."""
    chosen: dict[int, int] = {}
    for index, cut in enumerate(reversed(cuts)):
        eligible = [document for document, size in enumerate(sizes) if size >= cut and document not in chosen]
        if not eligible:
            raise UserError(
                f"{path}: expected {index + 1} documents of at least {cut} characters, the length of texts that they stand "
                f"beside, found {index}"
            )
        chosen[eligible[int(golden_fraction(index) * len(eligible))]] = cut
    return chosen


def golden_fraction(index: int) -> float:
    """A number from 0 to 1, exclusive, for each of 0, 1, …: multiples of the golden ratio, which fill that range evenly however
    many there are, and in an order that goes with nothing else.
    """
    return (index + 0.5) * (math.sqrt(5) - 1) / 2 % 1


def shortened(text: str, length: int) -> str:
    """The first ``length`` characters, cut back to the end of a word, but for one that is longer than that by itself."""
    start = text[:length]
    if text[length : length + 1].strip():  # a word may go on
        start = re.sub(r"\s\S*$", "", start)
    return start.rstrip()
