"""How much of a text was memorised: the longest run of it that occurs in other texts.

Source: Carlini et al. 2021, Extracting Training Data from Large Language Models.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher


def longest_copied(pieces: Sequence[Hashable], sources: Sequence[Sequence[Hashable]]) -> int:
    """Length of the longest run of ``pieces`` that occurs, unbroken, in one of ``sources``: characters of strings, tokens of
    lists of ids.
    """
    longest = 0
    for source in sources:
        matcher = SequenceMatcher(None, pieces, source, autojunk=False)
        longest = max(longest, matcher.find_longest_match(0, len(pieces), 0, len(source)).size)
    return longest
