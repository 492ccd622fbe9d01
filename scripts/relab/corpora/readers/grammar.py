"""Sentences drawn from a small probabilistic grammar."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.grammar import Grammar
from relab.settings.corpora import GrammarReader


def read(paths: Sequence[str | os.PathLike], settings: GrammarReader, tally: Counter[str]) -> Iterator[str]:
    """Yield sentences drawn from the grammar; there are no files to read."""
    yield from Grammar(settings).draw(settings.number, settings.seed)
