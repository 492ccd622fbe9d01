"""Plays in Markdown: ``**NAME**`` speakers, ``_stage directions_`` (or ``*…*``), ``#`` headings, lines ended by two blanks."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.corpora.sources import read_document, sources
from relab.errors import UserError
from relab.settings.corpora import PlayReader

_ITEM = re.compile(
    r"""
      ^ (?: \#+[ ]* (?P<heading>.+) | \*\*(?P<scene>Scene[ ][IVXLC]+)\*\*\n.+ ) $    # two scenes are headed like a speaker
    | ^ \*\* (?P<speaker>[^*\n]+) \*\* $
    | ^ (?P<direction> _ (?:(?!\n\n)(?s:.))+? _ | \*(?!\*) (?:(?!\n\n)(?s:.))+? \* | \\?\[ [^\]\n]* \]_ ) $   # may span lines
    | ^ (?P<verse>.+) $
    """,
    re.MULTILINE | re.VERBOSE,
)
_EMENDATION = re.compile(r"_+\\?\[?([^\]_\n]*)\]?_+")  # an editor's words inside a verse, `_[Censorinus,]_`
_DIRECTION_MARKS = re.compile(r"[_*\[\]]|\\(?=\[)")
_ESCAPE = re.compile(r"\\([^\w\s])")


def read(paths: Sequence[str | os.PathLike], settings: PlayReader, tally: Counter[str]) -> Iterator[str]:
    """Yield plays or scenes: speeches separated by an empty line, each begun by ``NAME:``, one verse a line.

    A speech that a stage direction interrupts stays one speech where directions are cut.
    """
    for source in sources(paths):
        text = read_document(source, settings.codec)
        if not re.search(r"^\*\*[^*\n]+\*\*", text, re.MULTILINE):
            raise UserError(f"{source.name}: expected a play in Markdown with speakers as **NAME**, found none")
        yield from scenes(text, settings)


def scenes(text: str, settings: PlayReader) -> Iterator[str]:
    """The plays or scenes of one file's text."""
    paragraphs: list[list[str]] = [[]]
    spoken = False
    for item in _ITEM.finditer(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)):
        kind, content = item.lastgroup, item[item.lastgroup]
        if kind in ("heading", "scene"):
            if settings.document == "scene" and spoken:
                yield from _join_paragraphs(paragraphs)
                paragraphs, spoken = [], False
            paragraphs += [[content], []] if settings.headings else [[]]
        elif kind == "speaker":
            spoken = True
            paragraphs.append([f"{content}:"] if settings.speakers else [])
        elif kind == "verse":
            paragraphs[-1].append(_ESCAPE.sub(r"\1", _EMENDATION.sub(lambda match: match[1].strip(), content)).rstrip())
        elif settings.directions:
            paragraphs[-1].append(f"[{' '.join(_DIRECTION_MARKS.sub('', content).split())}]")
    yield from _join_paragraphs(paragraphs)


def _join_paragraphs(paragraphs: list[list[str]]) -> Iterator[str]:
    text = "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph)
    if text:
        yield text
