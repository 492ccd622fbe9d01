"""The whole lines and whole words of a text that was cut out of a longer one, in a normal form that can be looked up.

Normal form: Unicode NFC, case folded; a line with runs of white space as one space and none at its ends, a word as a run
of letters (an apostrophe or a hyphen ends it; where no blanks divide words, a letter is one). The first piece of a text is
whole only where the prompt before it ended a line or a word, the last one where the text itself does. Empty lines are left
out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import regex

from relab.words import LETTER, UNSPACED

#: A word: letters and their marks, a character where no blanks divide words; no digits, but signs such as ² and Ⅳ.
LETTERS = regex.compile(rf"(?V1)(?!\d)(?:{UNSPACED}|(?:(?![\d_]){LETTER})+)")


def normalise(text: str) -> str:
    """``text`` in Unicode NFC with its case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def whole_lines(text: str, prompt: str = "") -> list[str]:
    """The lines of ``text`` that are not cut off, in normal form; ``prompt``: the text before it."""
    lines = normalise(text).split("\n")
    lines.pop()  # what follows the last line end: a line that goes on, or nothing
    if prompt and not prompt.endswith("\n"):
        lines = lines[1:]
    return [line for line in (" ".join(line.split()) for line in lines) if line]


def whole_words(text: str, prompt: str = "") -> list[str]:
    """The words of ``text`` that are not cut off, in normal form; ``prompt``: the text before it."""
    text = normalise(text)
    cut_off = bool(prompt) and LETTERS.fullmatch(prompt[-1]) is not None
    return [word[0] for word in LETTERS.finditer(text) if word.end() < len(text) and not (cut_off and word.start() == 0)]


def corpus_lines(documents: Iterable[str]) -> set[str]:
    """All lines of a corpus in normal form. A document's end ends its last line."""
    return {line for document in documents for line in whole_lines(document + "\n")}


def corpus_words(documents: Iterable[str]) -> set[str]:
    """All words of a corpus in normal form. A document's end ends its last word."""
    return {word for document in documents for word in whole_words(document + "\n")}
