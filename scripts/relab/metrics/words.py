"""Texts as words in a form that can be compared across models and human texts."""

from __future__ import annotations

import re

from relab.metrics.pieces import normalise

#: Letters and digits, with apostrophes inside.
WORD = re.compile(r"\w+(?:'\w+)*")


def words(text: str) -> list[str]:
    """The words of a text in normal form (:func:`relab.metrics.pieces.normalise`: NFC, case folded), without punctuation."""
    return WORD.findall(normalise(text).replace("’", "'"))
