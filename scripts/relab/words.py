"""Words of texts in any script: runs of letters and digits with their marks, and where no blanks divide words, characters.

Chinese, Japanese, Thai, Lao, Khmer and Burmese write words without blanks. There the pieces that are looked up are characters
and pairs of neighbours, as in Lucene's CJK analyzer with unigrams (Nie et al. 2000, On the use of words and n-grams for Chinese
information retrieval): they need no dictionary, and a query of one character finds it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import regex

_UNSPACED = r"[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{Line_Break=Complex_Context}]"
#: Patterns of the module ``regex`` in its version 1: one letter or digit with its marks, of a script without blanks between
#: words, and of any other. Without marks and such scripts, ``LETTER`` is the ``\w`` of :mod:`re`.
UNSPACED = rf"[[\p{{L}}\p{{N}}]&&{_UNSPACED}]\p{{M}}*"
LETTER = rf"[[\p{{L}}\p{{N}}_]--{_UNSPACED}]\p{{M}}*"

_RUN = regex.compile(rf"(?V1)(?P<unspaced>(?:{UNSPACED})+)|(?:{LETTER}){{2,}}")
_CHARACTER = regex.compile(rf"(?V1){UNSPACED}")

#: How the words of texts are told, as tables say it.
BLANKS, CHARACTERS, NONE = "words", "characters and pairs", "no words"


def index_terms(text: str) -> list[str]:
    """What a text is looked up by: its words of two letters at least in lower case; of runs without blanks, characters and
    pairs of neighbours."""
    terms: list[str] = []
    for run in _RUN.finditer(text.lower()):
        if run["unspaced"]:
            characters = _CHARACTER.findall(run[0])
            terms += [*characters, *map("".join, pairwise(characters))]
        else:
            terms.append(run[0])
    return terms


def divided(text: str) -> str:
    """The terms of a text with blanks between, for libraries that divide at blanks (:data:`DIVIDED`)."""
    return " ".join(index_terms(text))


def characters_apart(text: str) -> str:
    """A text with blanks around each character of a script without blanks between words."""
    return _CHARACTER.sub(r" \g<0> ", text)


#: The pattern of the terms of a divided text.
DIVIDED = r"(?u)\S+"


def words_told(texts: Iterable[str]) -> str:
    """How the words of some texts are told: by blanks, by characters, both, or not at all, since there are none."""
    kinds = {CHARACTERS if run["unspaced"] else BLANKS for text in texts for run in _RUN.finditer(text)}
    return ", ".join(kind for kind in (BLANKS, CHARACTERS) if kind in kinds) or NONE


#: How most letters of some texts are written: in Latin; in another script with blanks between words; in Chinese characters; in
#: another script without blanks.
LATIN, SPACED, CHINESE, UNDIVIDED = "latin", "spaced", "chinese", "undivided"
_LETTERS = {
    name: regex.compile(rf"(?V1)[\p{{L}}&&{script}]")
    for name, script in (("all", r"\p{L}"), ("latin", r"\p{Latin}"), ("han", r"\p{Han}"), ("unspaced", _UNSPACED))
}


def script(texts: Iterable[str]) -> str:
    """How most letters of some texts are written, Latin where there are none: what a library's own words would be wrong for.

    Chinese are texts of Chinese characters alone: of a Japanese text a third or more of the letters are others.
    """
    joined = "\n".join(texts)
    letters = {name: len(pattern.findall(joined)) for name, pattern in _LETTERS.items()}
    if 2 * letters["unspaced"] > letters["all"]:
        return CHINESE if letters["han"] > 0.9 * letters["unspaced"] else UNDIVIDED
    return LATIN if 2 * letters["latin"] >= letters["all"] else SPACED
