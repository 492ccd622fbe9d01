"""Counts of a corpus's documents, characters and words, and a table row made of them."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

import numpy as np

from relab.corpora.sources import UNDECODABLE

_CODE_POINTS = 0x110000
_BLOCK = 2**20  # characters counted at a time
#: Reasons of removal that concern the blank edges of lines and documents.
BLANK_REASONS = ("trailing blank", "outer line end")

_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}


class Tally:
    """Counts over documents, taken a block at a time."""

    def __init__(self) -> None:
        self.counts = np.zeros(_CODE_POINTS, np.int64)
        self.documents = 0
        self.shortest = self.longest = 0
        self._words = 0
        self._digest = hashlib.sha256()
        self._pending: list[str] = []
        self._characters = 0

    def add(self, text: str) -> None:
        """Count one document."""
        self.shortest = min(self.shortest, len(text)) if self.documents else len(text)
        self.longest = max(self.longest, len(text))
        self.documents += 1
        self._pending.append(text)
        self._characters += len(text)
        if self._characters >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        in_word = False
        for block in _blocks("\n".join([*self._pending, ""])):
            encoded = block.encode("utf-32-le")
            codes = np.frombuffer(encoded, "<u4")
            counts = np.bincount(codes)
            self.counts[: len(counts)] += counts
            in_words = (codes != 0x20) & (codes != 0x0A) & (codes != 0x09)
            self._words += int(np.count_nonzero(in_words[1:] & ~in_words[:-1])) + int(in_words[0] and not in_word)
            in_word = bool(in_words[-1])
        for text in self._pending:
            self._digest.update(text.encode() + b"\0")
        self.counts[0x0A] -= len(self._pending)  # those that joined the documents
        self._pending, self._characters = [], 0

    def summary(self) -> dict[str, Any]:
        """Counts of one split. Words are separated by blanks, tabs and line ends; a document's end ends its last line."""
        self._flush()
        codes = np.flatnonzero(self.counts)
        widths = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
        return {
            "documents": self.documents,
            "characters": int(self.counts.sum()),
            "bytes": int((self.counts[codes] * widths).sum()),
            "lines": int(self.counts[0x0A]) + self.documents,
            "words": self._words,
            "distinct_characters": len(codes),
            "shortest_document": self.shortest,
            "longest_document": self.longest,
            "sha256": self._digest.hexdigest(),
        }

    def characters(self) -> dict[str, int]:
        """How often each character occurs."""
        self._flush()
        return {chr(code): int(self.counts[code]) for code in np.flatnonzero(self.counts)}


def _blocks(text: str):
    return (text[begin : begin + _BLOCK] for begin in range(0, len(text), _BLOCK))


def character_name(character: str) -> str:
    """The character's code point and its Unicode name, such as ``U+00AD SOFT HYPHEN``."""
    name = unicodedata.name(character, unicodedata.category(character))
    return f"U+{ord(character):04X} {name}"


def visible_character(character: str) -> str:
    """The character as a table shows it: ``␣`` for a blank, ``↵`` for a line end, combining marks on a dotted circle."""
    if unicodedata.combining(character):
        return f"◌{character}"
    return _VISIBLE.get(character, character)


def table_row(stats: dict[str, Any], number: int = 10) -> dict[str, Any]:
    """One row of the report's table of corpora, from the content of a ``stats.json``.

    The ``number`` most frequent characters are in falling order, the least frequent in rising order; ``removed`` counts what
    cleaning removed, apart from blanks at line ends and empty lines at the ends of documents.
    """
    ranked = sorted(stats["characters"].items(), key=lambda item: (-item[1], item[0]))
    return {
        "documents": stats["documents"]["kept"],
        "duplicates": stats["documents"]["duplicates"],
        "undecodable": stats.get("reading", {}).get(UNDECODABLE, 0),
        "characters": stats["total"]["characters"],
        "train characters": stats["train"]["characters"],
        "validation characters": stats["validation"]["characters"],
        "words": stats["total"]["words"],
        "distinct characters": stats["total"]["distinct_characters"],
        "most frequent": " ".join(visible_character(character) for character, _ in ranked[:number]),
        "least frequent": " ".join(visible_character(character) for character, _ in ranked[: -number - 1 : -1]),
        "removed": sum(entry["count"] for entry in stats["removed"] if entry["reason"] not in BLANK_REASONS),
    }
