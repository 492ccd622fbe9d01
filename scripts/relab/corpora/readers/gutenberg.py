"""Project Gutenberg texts, without the header and the licence that every age of the project worded differently."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.corpora.divide import divide
from relab.corpora.sources import Source, read_document, sources
from relab.errors import UserError
from relab.settings.corpora import GutenbergReader

_HEADER_OR_FOOTER = re.compile(
    r"""
    ^ [^\w\n]* (?:
      (?P<header>
        START \s OF \s .{0,10} PROJECT \s GUTENBERG                    # *** START OF THE (THIS) PROJECT GUTENBERG EBOOK …
          (?: [^\n]* \*\*\* | [^\n]* (?:\n[^\n]+){1,2}? \*\*\* | )     # a long title runs over lines, up to the next stars
      | END \W+ THE \s SMALL \s PRINT                                  # *END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*…*END*
      | [^\n]* SMALL \s PRINT! [^\n]* \*END\*
      )
    | (?P<footer>
        END \s OF \s .{0,25} PROJECT \s GUTENBERG                      # *** END OF …; End of Project Gutenberg's …
      | END \s OF \s THIS \s (?: ETEXT | E-TEXT | EBOOK) \b
      | ENDE \s DIESE[RS]? \s .{0,10} PROJE[CK]T \s GUTENBERG
      | FIN \s D[EU] .{0,15} PROJE[CK]?T \s GUTENBERG
      | START: \s FULL \s LICEN[CS]E
      )
    ) [^\n]* $
    """,
    re.MULTILINE | re.VERBOSE | re.IGNORECASE,
)

# Paragraphs between the header's mark and the work, or the whole of a header without a mark
_PREAMBLE = re.compile(
    r"""
      (?: \W* (?:the \s)? project \s gutenberg | .* this \s e-?(?:book|text) \s (?:is|was) \s | .* distributed \s proofread
      | (?:this \s|the \s)? (?:(?:e-?)?text \s|e-?book \s|file \s)? (?:was \s)?
        (?:produced|prepared|transcribed|scanned|digiti[sz]ed) \s (?:by|from) \b
      | note: \s project \s gutenberg )
    | (?: \[? (?:title|author|editor|translator|illustrator|contributor|(?:release|posting) \s date
          |(?:most \s recently|last) \s updated?|language|character \s set \s encoding|credits|original \s publication)
          : [^\n]* (?:\n[ \t]+[^\n]*)* \n* )+ \Z
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

# What only an electronic edition has: addresses, names of files and formats, the projects that make them, those who transcribe
_EDITION = re.compile(
    r"""
      https?:// | \bwww\. | [\w.+-]+@[\w-]+\.\w | \b[\w-]+\.(?:html?|txt|zip|epub|pdf|jpe?g|png)\b
    | gutenberg | proofread | internet \s archive | \be-?(?:book|text)s?\b | \bhtml\b | \bunicode\b | \butf-?8\b | \bascii\b
    | tran?s[ck]ri(?:ber|pt(?:ion|eur|or)|ttore)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The beginning of a note in which the transcriber, of whatever language, speaks: one of its first words
_TRANSCRIBER = re.compile(r"\W*(?:\w+\W+){0,3}?tran?s[ck]ri(?:ber|pt(?:ion|eur|or)|ttore)", re.IGNORECASE)
_LABEL = re.compile(rf"(?:{_TRANSCRIBER.pattern}|\W*note\b)", re.IGNORECASE)
_PARAGRAPH = re.compile(r"(?P<gap>\s*?)(?P<text>^[^\n]*\S(?:.*?)(?=\n[ \t]*\n|\Z))", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:[ \t]+\S[^\n]*(?:\n|\Z))+")
# Parts of an edition stand three empty lines or more apart, paragraphs of a note fewer
_WITHIN = 3
_GAP = re.compile(r"\n(?:[ \t]*\n){3,}")
_LONGEST_NOTE = 6000  # characters


def read(paths: Sequence[str | os.PathLike], settings: GutenbergReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the documents of Project Gutenberg files; a file may hold several works, each with header and footer.

    A text without header and footer is kept whole and counted; a text with only one of them is an error, since then either the
    file is cut short or a licence would be taken for literature.
    """
    for source in sources(paths):
        for work in _works(read_document(source, settings.codec), source, tally):
            yield from divide(io.StringIO(work), settings, source.name, tally)


def _works(text: str, source: Source, tally: Counter[str]) -> Iterator[str]:
    begin = end = None
    for mark in _HEADER_OR_FOOTER.finditer(text):
        if mark["header"]:
            begin = mark.end()
        elif begin is not None:
            yield _without_closing_notes(_without_preamble(text[begin : mark.start()]))
            begin, end = None, mark.end()
        elif end is None:  # else a second footer of the same work
            raise _half_marked_error(
                source, text, mark.start(), "the footer", "header", "*** START OF THE PROJECT GUTENBERG EBOOK ***"
            )
    if begin is not None:
        raise _half_marked_error(source, text, begin, "the header", "footer", "*** END OF THE PROJECT GUTENBERG EBOOK ***")
    if end is None:
        body = _without_preamble(text) if _PREAMBLE.match(text.lstrip()) else text
        tally["Gutenberg texts without header and footer" if body == text else "Gutenberg texts with a shortened header"] += 1
        yield body


def _without_preamble(text: str) -> str:
    """Drop the leading paragraphs about the edition: credits, addresses, notes of who made the text.

    What a note's label heads goes with it, up to a gap of several empty lines: paragraphs that are indented below it, all
    where the label stands alone, and what its bracket holds.
    """
    rest, note = text, ""
    while match := _PARAGRAPH.match(rest):
        paragraph, below = match["text"], match["gap"].count("\n") <= _WITHIN
        headed = note == "bracket" or below and (note == "label" or note == "note" and _INDENTED.fullmatch(paragraph))
        about_edition = _PREAMBLE.match(paragraph.strip()) or _EDITION.search(paragraph)
        if not (headed or about_edition):
            break
        rest = rest[match.end() :]
        if not headed or note == "bracket" and paragraph.rstrip().endswith("]"):
            note = _note(paragraph, rest)
    return rest


def _note(paragraph: str, rest: str) -> str:
    """What kind of note a paragraph about the edition begins, if any; ``rest``: the text after it."""
    if paragraph.lstrip().startswith("[") and "]" not in paragraph and "]" in rest[:_LONGEST_NOTE]:
        return "bracket"
    if _LABEL.match(paragraph) is None:
        return ""
    alone = "\n" not in paragraph.strip() and _GAP.search(rest[:_LONGEST_NOTE])
    return "label" if alone else "note"


def _without_closing_notes(text: str) -> str:
    """Drop the notes of who made the text that stand behind the work, after a gap of several empty lines."""
    gaps = list(_GAP.finditer(text.rstrip()))
    while gaps and _TRANSCRIBER.match(text, gaps[-1].end()):
        text = text[: gaps.pop().start()] + "\n"
    return text


def _half_marked_error(source: Source, text: str, offset: int, present: str, missing: str, mark: str) -> UserError:
    return UserError(
        f"{source.name}, line {text.count(chr(10), 0, offset) + 1}: found {present} of Project Gutenberg, but no {missing}; "
        f"fetch the file again, or, if it is whole, put a line `{mark}` where its {missing} was"
    )
