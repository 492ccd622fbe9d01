"""Cleaning texts, in a fixed order, with counts of what was removed and why."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection

from relab.format_characters import VISIBLE_FORMATS
from relab.settings.corpora import Cleaning

# Outside of the general category "format", Unicode's default ignorable code points: they draw nothing either
_DEFAULT_IGNORABLE = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)]
    + [*range(0xE0100, 0xE01F0)]
)
_REASONS = {"Cc": "control", "Cf": "invisible", "Cs": "surrogate", "Co": "private use"}
# In text that was decoded as Windows-1252, a closing quotation mark (bytes 0xE2 0x80 0x9D) that lost its last byte, for which
# that encoding has no character; ftfy would take the blank after it for the byte and make it a dagger
_CONTINUATION = bytes(range(0x80, 0xC0)).decode("windows-1252", "ignore")
_LOST_QUOTE = re.compile(f"â€(?![\x81\x8d\x8f\x90\x9d{re.escape(_CONTINUATION)}])")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+(?=\n|\Z)")


@functools.cache
def treatment(character: str) -> tuple[str, str] | None:
    """What a problematic character becomes, and the reason; ``None`` for a character that stays.

    Blanks of other widths (category Zs, the no-break space among them) become a blank; vertical tab, form feed, NEL and the
    line and paragraph separators a line end. Control, format (zero-width, directional, soft hyphen, byte order mark), other
    invisible, private-use characters, surrogates, noncharacters and U+FFFD are removed; tab, line end and visible format
    characters stay.
    """
    code, category = ord(character), unicodedata.category(character)
    if character in " \n\t" or character in VISIBLE_FORMATS:
        return None
    if character in "\v\f\x85\u2028\u2029":
        return "\n", "line end"
    if category == "Zs":
        return " ", "blank"
    if category in _REASONS:
        return "", _REASONS[category]
    if code in _DEFAULT_IGNORABLE:
        return "", "invisible"
    if character == "\N{REPLACEMENT CHARACTER}":
        return "", "undecodable"
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return "", "noncharacter"
    return None


class Cleaner:
    """Cleans documents one by one and counts over all of them what it changed.

    Attributes:
        removed: count by (character, reason).
        mapped: count of blanks and line ends by (character, reason).
        replaced: count of the settings' replacements by string, in the normal form of the text.
        mended: lines in which mojibake was repaired.
    """

    def __init__(self, settings: Cleaning):
        self._settings = settings
        self._keep = frozenset(settings.keep)
        self._strings = re.compile(
            "|".join(map(re.escape, sorted(self._settings.replace, key=lambda string: (-len(string), string))))
        )
        self.removed: Counter[tuple[str, str]] = Counter()
        self.mapped: Counter[tuple[str, str]] = Counter()
        self.replaced: Counter[str] = Counter(dict.fromkeys(self._settings.replace, 0))
        self.mended = 0

    def __call__(self, text: str) -> str:
        """The cleaned text; empty where nothing but blanks is left."""
        if self._settings.mojibake and not text.isascii():
            text = "\n".join(map(self._mend, text.split("\n")))
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self._settings.unicode != "none":
            text = unicodedata.normalize(self._settings.unicode, text)
        if self._settings.replace:
            text = self._strings.sub(self._replacement, text)
        if self._settings.fold_case:
            text = text.lower()
        return self.trim(self._replace_problems(text))

    def remove_characters(self, rare: Collection[str], text: str) -> str:
        """The text without the characters that are too rare in the whole corpus."""
        present = set(text).intersection(rare)
        if not present:
            return text
        for character in present:
            self.removed[character, "rare"] += text.count(character)
            text = text.replace(character, "")
        return self.trim(text)

    def trim(self, text: str) -> str:
        """The text without blanks at the ends of lines and empty lines at its own ends; empty where it is blank throughout."""
        shorter = _TRAILING.sub("", text) if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")) else text
        trimmed = shorter.strip("\n")
        for character in " \t\n":
            removed = text.count(character) - trimmed.count(character)
            if removed:
                self.removed[character, "outer line end" if character == "\n" else "trailing blank"] += removed
        return trimmed

    def _mend(self, line: str) -> str:
        import ftfy

        mended = line if line.isascii() else ftfy.fix_encoding(_LOST_QUOTE.sub("â€\x9d", line))
        self.mended += mended != line
        return mended

    def _replacement(self, match: re.Match[str]) -> str:
        self.replaced[match[0]] += 1
        return self._settings.replace[match[0]]

    def _replace_problems(self, text: str) -> str:
        for character in sorted(set(text) - self._keep):
            change = treatment(character)
            if change is None:
                continue
            replacement, reason = change
            if replacement:
                self.mapped[character, reason] += text.count(character)
            else:
                self.removed[character, reason] += text.count(character)
            text = text.replace(character, replacement)
        return text
