"""The rule by which a cell of a table and a setting are compared, whatever either was read from."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def comparable(value: Any) -> str:
    """A cell or a setting as the text by which it is compared: as it is written, in NFC, without blanks at its ends.

    Truth values are ``true`` and ``false``, however their letters are written and whatever type they have; a number without
    a fraction is a whole one (``1.0`` is ``1``); a missing value is the empty text. Words stay words: ``no`` is not ``false``.
    """
    text = "" if value is None else unicodedata.normalize("NFC", str(value)).strip()
    if text.lower() in ("true", "false"):
        return text.lower()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text
