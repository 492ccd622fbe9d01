"""Plain text."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relab.corpora.divide import divide
from relab.corpora.sources import UNDECODABLE, Source, Undecodable, read_document, read_lines, sources
from relab.settings.corpora import TextReader


def read(paths: Sequence[str | os.PathLike], settings: TextReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents of text files; where undecodable ones are left out, a file is read whole before it is divided."""
    for source in sources(paths):
        if settings.undecodable == "error":
            text: Iterable[str] | None = read_lines(source, settings.codec)
        else:
            text = _lines_if_decodable(source, settings.codec, tally)
        if text is not None:
            yield from divide(text, settings, source.name, tally)


def _lines_if_decodable(source: Source, encoding: str, tally: Counter[str]) -> Iterable[str] | None:
    """The lines of a file; None, and counted, where it is no text in its encoding."""
    try:
        return io.StringIO(read_document(source, encoding))
    except Undecodable:
        tally[UNDECODABLE] += 1
        return None
