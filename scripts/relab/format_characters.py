"""Characters of Unicode's category "format" (Cf): most draw nothing, some are signs that a reader sees."""

from __future__ import annotations

#: Those that Unicode does not call default ignorable: signs before numbers and verse ends of Arabic, Syriac and Kaithi
#: (prepended concatenation marks), annotation marks, and what joins Egyptian hieroglyphs.
VISIBLE_FORMATS = frozenset(
    map(
        chr,
        [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, *range(0xFFF9, 0xFFFC), 0x110BD, 0x110CD]
        + [*range(0x13430, 0x13440)],
    )
)
