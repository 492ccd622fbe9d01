"""Cutting the lines of a text into documents, and documents into passages."""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from relab.corpora.sources import LARGEST_DOCUMENT, too_large_error, utf8_size
from relab.errors import UserError
from relab.settings.corpora import Division


class _Draft:
    """A document that lines are added to; raises where it gets larger than the largest allowed."""

    def __init__(self, name: str):
        self.name = name
        self.clear()

    def clear(self) -> None:
        self._text = io.StringIO()
        self._size = 0

    def add(self, text: str) -> None:
        self._size += utf8_size(text)
        if self._size > LARGEST_DOCUMENT:
            raise too_large_error(self.name)
        self._text.write(text)

    def finish(self) -> str:
        text = self._text.getvalue()
        self.clear()
        return text


def divide(lines: Iterable[str], division: Division, name: str, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents that the lines of a text divide into, reading lines only as they are needed.

    ``lines`` end in ``\\n``; ``name``: the text in messages; ``tally`` counts the characters before a first heading.

    Raises:
        UserError: a document is larger than the largest allowed; no line is a heading or a separator.
    """
    if division.document == "line":
        yield from (line.removesuffix("\n") for line in lines)
    elif division.document == "heading":
        yield from _by_heading(lines, re.compile(division.regexp), name, tally)
    elif division.document == "separator":
        yield from _by_separator(lines, re.compile(division.regexp), name)
    else:
        yield from _by_empty_line(lines, name, paragraphs=division.document == "paragraph")


def passages(text: str, lines: int) -> Iterator[str]:
    """Yield the fewest passages of at most ``lines`` lines that a text can be cut into, as equal as they can be, in order."""
    rows = text.split("\n")
    number = -(-len(rows) // lines)
    for begin, end in itertools.pairwise(len(rows) * index // number for index in range(number + 1)):
        if passage := "\n".join(rows[begin:end]).strip("\n"):
            yield passage


def _by_empty_line(lines: Iterable[str], name: str, paragraphs: bool) -> Iterator[str]:
    draft, inside = _Draft(name), False
    for line in lines:
        if not paragraphs or not line.isspace():
            draft.add(line)
            inside = True
        elif inside:
            yield draft.finish()
            inside = False
    if inside:
        yield draft.finish()


def _by_heading(lines: Iterable[str], heading: re.Pattern[str], name: str, tally: Counter[str]) -> Iterator[str]:
    draft, inside = _Draft(name), False
    for line in lines:
        if heading.search(line.removesuffix("\n")):
            if inside:
                yield draft.finish()
            inside = True
        if inside:
            draft.add(line)
        else:
            tally["characters before the first heading"] += len(line)
    if not inside:
        raise UserError(f"{name}: no line matches the heading {heading.pattern!r} of its reader's `regexp`")
    yield draft.finish()


def _by_separator(lines: Iterable[str], separator: re.Pattern[str], name: str) -> Iterator[str]:
    draft, separated = _Draft(name), False
    for line in lines:
        begin = 0
        for match in separator.finditer(line):
            draft.add(line[begin : match.start()])
            yield draft.finish()
            begin, separated = match.end(), True
        draft.add(line[begin:])
    if not separated:
        raise UserError(f"{name}: no line holds the separator {separator.pattern!r} of its reader's `regexp`")
    yield draft.finish()
