"""Text on its way into the page: generated text made visible as it is, prose written in Markdown, numbers."""

from __future__ import annotations

import math
import unicodedata
from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from relab.format_characters import VISIBLE_FORMATS

#: Unicode categories that print nothing or act on their surroundings: control, format, line and paragraph separators,
#: surrogates, private use, unassigned.
INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}

#: Joiners belong to the spelling of some languages and to emoji; line feed and tab are shown by the layout.
SHOWN_BY_LAYOUT = {"\n", "\t", "\u200c", "\u200d"}


def visible(text: object) -> Markup:
    """Escape ``text`` and show what would be invisible in it, controls and marks of direction included, as U+XXXX."""
    parts = []
    for character in str(text):
        shown = character in SHOWN_BY_LAYOUT or character in VISIBLE_FORMATS
        if not shown and unicodedata.category(character) in INVISIBLE:
            parts.append(Markup('<span class="control">U+{:04X}</span>').format(ord(character)))
        else:
            parts.append(escape(character))
    return Markup("").join(parts)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "typographer": True}).enable("smartquotes")


def prose(text: str) -> Markup:
    """Render Markdown; HTML in it is escaped."""
    return Markup(_markdown().render(text))


def inline(text: str) -> Markup:
    """Render Markdown without paragraphs, for headings and list items."""
    return Markup(_markdown().renderInline(text.strip()))


def number(text: str, spec: str = "") -> str:
    """A number as the page shows it: ``spec`` in Python's notation, else integers as they are and four significant digits.

    What rounds to zero has no minus.

    Raises:
        ValueError: where ``text`` is not a number or does not fit ``spec``.
    """
    value = float(text)
    if spec.endswith("d"):
        if not value.is_integer():
            raise ValueError(f"{text!r} is not a whole number")
        shown = format(int(text) if text.lstrip("+-").isdigit() else int(value), spec)
    elif spec:
        shown = format(value, spec)
    else:
        shown = text if text.lstrip("+-").isdigit() else format(value, ".4g")
    if not shown.startswith("-"):
        return shown
    if math.isfinite(value) and not set(shown) & set("123456789"):
        return ("+" if spec.startswith("+") else "") + shown[1:]
    return shown.replace("-", "\N{MINUS SIGN}", 1)


def interval_format(low: float, high: float) -> str:
    """The format of a number with an interval: as many decimals as leave its width two digits; none where there is no width."""
    width = high - low
    if not 1e-9 * max(abs(low), abs(high)) < width < math.inf:
        return ""
    return f".{min(6, max(0, 1 - math.floor(math.log10(width))))}f"


def moment(text: str) -> str:
    """A time in ISO 8601 to the minute, with its zone: ``2026-01-31 17:05 UTC``."""
    date, _, rest = text.partition("T")
    zone = rest[8:].replace("+00:00", "UTC")
    return f"{date} {rest[:5]} {zone}".strip()


def duration(seconds: float) -> str:
    """Seconds in readable units: ``0.4 s``, ``2 min 5 s``, ``3 h 12 min``."""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes} min {round(seconds) % 60} s"
    return f"{minutes // 60} h {minutes % 60} min"
