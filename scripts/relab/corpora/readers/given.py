"""Texts that are part of the settings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.settings.corpora import GivenReader


def read(paths: Sequence[str | os.PathLike], settings: GivenReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the texts of the settings; there are no files to read."""
    yield from settings.texts
