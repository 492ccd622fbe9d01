"""Texts as words in a form that can be compared across models and human texts."""

from __future__ import annotations

import regex

from relab.metrics.pieces import normalise
from relab.words import LETTER, UNSPACED

#: Letters and digits, with apostrophes inside; a character where no blanks divide words.
WORD = regex.compile(rf"(?V1){UNSPACED}|(?:{LETTER})+(?:'(?:{LETTER})+)*")


def words(text: str) -> list[str]:
    """The words of a text in normal form (:func:`relab.metrics.pieces.normalise`: NFC, case folded), without punctuation."""
    return WORD.findall(normalise(text).replace("’", "'"))
