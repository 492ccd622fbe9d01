"""The language of texts, by py3langid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from relab.metrics.references import PAIR
from relab.statistics import Measurement

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


def language_share(outputs: Sequence[str], language: str, items: str = "") -> Measurement:
    """The share of outputs, in [0, 1], that the identifier takes for the language among all that it knows (about a hundred).

    A text without a letter is in none. A few words are often taken for another language of the same family.

    Source: Lui & Baldwin 2012, langid.py: An Off-the-shelf Language Identification Tool; py3langid is what became of it.

    Args:
        language: its ISO 639-1 code, such as ``pl``.

    Raises:
        ValueError: a language that the identifier does not know.
    """
    known = _identifier().labels
    if language not in known:
        raise ValueError(f"language: expected one of {', '.join(sorted(known))}, found {language!r}")
    return Measurement.of([float(language_of(output) == language) for output in outputs], PAIR, items, "share")


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of a text's language; None for a text without a letter."""
    if not any(sign.isalpha() for sign in text):
        return None
    return str(_identifier().classify(text)[0])


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
