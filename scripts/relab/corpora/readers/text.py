"""Plain text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.corpora.divide import divide
from relab.corpora.sources import lines, sources
from relab.settings.corpora import TextReader


def read(paths: Sequence[str | os.PathLike], settings: TextReader, tally: Counter[str]) -> Iterator[str]:
    for source in sources(paths):
        yield from divide(lines(source), settings, source.name, tally)
