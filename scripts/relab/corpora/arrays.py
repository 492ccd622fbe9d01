"""The values of a JSON array one after another, whatever its size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from relab.corpora.sources import LARGEST_DOCUMENT
from relab.errors import UserError

_BLOCK = 2**16  # characters read at a time
_BLANKS = re.compile(r"[ \t\n\r]*")


def values(text: TextIO, name: str, begun: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of the array that ``text`` holds, each with its place, such as ``NAME, row 3``.

    Python's ``json`` reads each value, so that they are those of JSON lines (ijson, a parser of streams, differs in large
    numbers, NaN and lone surrogates); in memory are one value and a block of the text. ``begun`` is what was read of the text
    already.

    Raises:
        UserError: naming ``name`` and row, for what is no JSON array, and for a value beyond the largest document.
    """
    window = _Window(text, begun)
    found, number = window.sign(), 0
    if found != "[":
        raise UserError(f"{name}: expected a JSON array, found {_told(found)}")
    window.place += 1
    if window.sign() == "]":
        found = "]"
        window.place += 1
    while found != "]":
        number += 1
        yield f"{name}, row {number}", window.value(f"{name}, row {number}")
        found = window.sign()
        if found not in (",", "]"):
            raise UserError(f"{name}, row {number}: expected a comma or the end of the array after it, found {_told(found)}")
        window.place += 1
    if found := window.sign():
        raise UserError(f"{name}: expected one JSON array and nothing after it, found {_told(found)} after row {number}")


def _told(sign: str) -> str:
    return repr(sign) if sign else "the end of the file"


class _Window:
    """The part of a text that is in memory, and the place in it up to which it has been read."""

    def __init__(self, text: TextIO, begun: str):
        self._text = text
        self._seen = begun
        self.place = 0

    def sign(self) -> str:
        """The next character that is no blank, which stays unread; empty at the end of the text."""
        while True:
            self.place = _BLANKS.match(self._seen, self.place).end()
            if self.place < len(self._seen):
                return self._seen[self.place]
            if not self._read_on():
                return ""

    def value(self, place: str) -> Any:
        """Read the next value, which begins at the next character that is no blank."""
        self.sign()
        while True:
            try:
                value, self.place = _DECODER.raw_decode(self._seen, self.place)
                return value
            except json.JSONDecodeError as error:  # broken, or not wholly in memory yet
                size = len(self._seen) - self.place
                if size <= LARGEST_DOCUMENT and self._read_on(size):
                    continue
                within = f" within {LARGEST_DOCUMENT // 2**20} MiB" if size > LARGEST_DOCUMENT else ""
                raise UserError(f"{place}: expected a JSON object, found none{within} ({error.msg})") from None
            except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list in thousands of lists
                raise UserError(f"{place}: expected a JSON object, found none ({error})") from None

    def _read_on(self, more: int = 0) -> bool:
        """Forget what has been read and take in a block, or ``more``; false at the end of the text.

        Where a value is long, as much again is taken in, so that its beginning is not read time and again.
        """
        block = self._text.read(max(more, _BLOCK))
        self._seen, self.place = self._seen[self.place :] + block, 0
        return bool(block)


_DECODER = json.JSONDecoder()
