"""Plain text."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relab.corpora.divide import divide
from relab.corpora.sources import UNDECODABLE, NotUTF8, Source, lines, sources, whole
from relab.settings.corpora import TextReader


def read(paths: Sequence[str | os.PathLike], settings: TextReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents of the files; where some may be left out, a file is read whole before it is divided."""
    for source in sources(paths):
        text = lines(source) if settings.undecodable == "error" else _decoded(source, tally)
        if text is not None:
            yield from divide(text, settings, source.name, tally)


def _decoded(source: Source, tally: Counter[str]) -> Iterable[str] | None:
    """The lines of a file; None for one that does not decode, which is counted."""
    try:
        return io.StringIO(whole(source))
    except NotUTF8:
        tally[UNDECODABLE] += 1
        return None
