"""Reading the values of a JSON array one after another, whatever its size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from relab.corpora.sources import LARGEST_DOCUMENT
from relab.errors import UserError

_BLOCK = 2**16  # characters read at a time
_BLANKS = re.compile(r"[ \t\n\r]*")


def array_values(text: TextIO, name: str, beginning: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of the array that ``text`` holds, each with its location for messages, such as ``NAME, row 3``.

    Python's ``json`` reads each value, so that they are those of JSON lines (ijson, a parser of streams, differs in large
    numbers, NaN and lone surrogates). Memory holds one value and a block of the text. ``beginning``: what was read of the text
    already.

    Raises:
        UserError: the text is no JSON array, or a value is larger than the largest document; names ``name`` and row.
    """
    window = _Window(text, beginning)
    character, number = window.peek(), 0
    if character != "[":
        raise UserError(f"{name}: expected a JSON array, found {_describe(character)}")
    window.position += 1
    if window.peek() == "]":
        character = "]"
        window.position += 1
    while character != "]":
        number += 1
        yield f"{name}, row {number}", window.read_value(f"{name}, row {number}")
        character = window.peek()
        if character not in (",", "]"):
            raise UserError(
                f"{name}, row {number}: expected a comma or the end of the array after it, found {_describe(character)}"
            )
        window.position += 1
    if character := window.peek():
        raise UserError(
            f"{name}: expected one JSON array and nothing after it, found {_describe(character)} after row {number}"
        )


def _describe(character: str) -> str:
    return repr(character) if character else "the end of the file"


class _Window:
    """The part of a text that is in memory, and the position up to which it has been read."""

    def __init__(self, text: TextIO, beginning: str):
        self._text = text
        self._buffer = beginning
        self.position = 0

    def peek(self) -> str:
        """The next character that is not blank, without consuming it; empty at the end of the text."""
        while True:
            self.position = _BLANKS.match(self._buffer, self.position).end()
            if self.position < len(self._buffer):
                return self._buffer[self.position]
            if not self._read_more():
                return ""

    def read_value(self, location: str) -> Any:
        """Read the next value, which begins at the next character that is not blank."""
        self.peek()
        while True:
            try:
                value, self.position = _DECODER.raw_decode(self._buffer, self.position)
                return value
            except json.JSONDecodeError as error:  # broken, or not wholly in memory yet
                size = len(self._buffer) - self.position
                if size <= LARGEST_DOCUMENT and self._read_more(size):
                    continue
                within = f" within {LARGEST_DOCUMENT // 2**20} MiB" if size > LARGEST_DOCUMENT else ""
                raise UserError(f"{location}: expected a JSON object, found none{within} ({error.msg})") from None
            except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list in thousands of lists
                raise UserError(f"{location}: expected a JSON object, found none ({error})") from None

    def _read_more(self, size: int = 0) -> bool:
        """Drop what has been read and read a block more, or ``size`` characters; false at the end of the text.

        For a long value ``size`` is its length so far, so that its beginning is not parsed time and again.
        """
        block = self._text.read(max(size, _BLOCK))
        self._buffer, self.position = self._buffer[self.position :] + block, 0
        return bool(block)


_DECODER = json.JSONDecoder()
