"""Readers: from each published form of texts to documents, one at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from relab.corpora.readers import bible, given, grammar, gutenberg, lyrics, play, table, text
from relab.settings.corpora import AnyReader

_READERS: dict[str, Callable[[Sequence[str | os.PathLike], Any, Counter[str]], Iterator[str]]] = {
    "play": play.read,
    "bible": bible.read,
    "gutenberg": gutenberg.read,
    "text": text.read,
    "lyrics": lyrics.read,
    "table": table.read,
    "grammar": grammar.read,
    "given": given.read,
}


def read(paths: Sequence[str | os.PathLike], reader: AnyReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents of the files at ``paths``, uncleaned; ``tally`` counts what the reader cut or left out.

    Raises:
        UserError: a file is not of the reader's form; names the file and, where there is one, the line.
    """
    return _READERS[reader.kind](paths, reader, tally)
