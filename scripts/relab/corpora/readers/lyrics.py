"""Song lyrics as lyrics pages publish them, with or without the pages' section marks and residue."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from relab.corpora.divide import divide
from relab.corpora.readers import table
from relab.corpora.sources import read_lines, sources
from relab.settings.corpora import LyricsReader
from relab.tabular import TableFormat

# `[Verse 2]`, `[Chorus: Name & Name]`; other words in brackets are sung
_SECTION_MARK = re.compile(
    r"\[\s*(?:intro|outro|(?:pre|post)?[- ]?(?:chorus|verse|hook|refrain|bridge)|interlude|instrumental|breakdown|build|drop|"
    r"solo|guitar|skit|spoken|part|segue|coda|strofa|ritornello|verso|ponte|couplet|strophe|pont|estribillo|estrofa|puente)"
    r"\b[^\[\]\n]*\]",
    re.IGNORECASE,
)
_RESIDUE = re.compile(
    r"""
      ^ \d+ \s Contributors? .*? \s Lyrics (?=\[|[A-Z(“"'’]|\s*$)   # 45 ContributorsTranslationsEspañolTitle Lyrics
    | ^ [^\[\n]{1,120}? \s Lyrics (?=\[)                           # Title Lyrics[Verse 1]
    | See \s [^\n]{1,80}? \s Live \s? Get \s tickets \s as \s low \s as \s [$€£]\d+
    | You \s might \s also \s like
    | \d* Embed (?: Share \s? URL .* )? $
    """,
    re.VERBOSE,
)


def read(paths: Sequence[str | os.PathLike], settings: LyricsReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents of lyrics files or of a table of lyrics."""
    for name, text in _texts(paths, settings, tally):
        yield from divide(_without_residue(text, settings, tally), settings, name, tally)


def _texts(
    paths: Sequence[str | os.PathLike], settings: LyricsReader, tally: Counter[str]
) -> Iterator[tuple[str, Iterable[str]]]:
    for source in sources(paths):
        if settings.column is None:
            yield source.name, read_lines(source, settings.codec)
        else:
            for cell in table.column_texts(source, settings.column, {}, TableFormat.of(settings)):
                yield source.name, io.StringIO(cell.replace("\r\n", "\n"))


def _without_residue(text: Iterable[str], settings: LyricsReader, tally: Counter[str]) -> Iterator[str]:
    """Cut residue and section marks out of lines; a mark between words ends a line, a line of nothing else is dropped."""
    for line in text:
        cleaned = line
        if not settings.residue:
            cleaned, cut = _RESIDUE.subn("\n", cleaned)
            tally["pieces of lyrics pages' residue cut"] += cut
        if not settings.marks:
            cleaned, cut = _SECTION_MARK.subn("\n", cleaned)
            tally["section marks of lyrics cut"] += cut
        if cleaned == line:
            yield line
        else:
            yield from (f"{part.strip()}\n" for part in cleaned.split("\n") if part.strip())
