"""Texts as words in a form that can be compared across models and people."""

from __future__ import annotations

import re

from relab.metrics.pieces import normal

#: Letters and digits, with apostrophes inside.
WORD = re.compile(r"\w+(?:'\w+)*")


def words(text: str) -> list[str]:
    """The words of a text in normal form (:func:`relab.metrics.pieces.normal`: NFC, case folded), without punctuation."""
    return WORD.findall(normal(text).replace("’", "'"))
