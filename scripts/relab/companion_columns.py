"""Columns of tables that stand beside another one and say more of it: their names begin with its name."""

from __future__ import annotations

from collections.abc import Collection

#: Which values of a metric are better, and the end of the name of the column that says which systems are best.
HIGHER, LOWER = "higher", "lower"
BEST = {HIGHER: "_highest", LOWER: "_lowest"}

#: What stands there: the best by its estimate; what is not told apart from it; the others.
YES, PERHAPS, NO = "yes", "perhaps", "no"

#: Names of artefacts whose titles stand in the column itself.
NAMES = "_name"


def companions(names: Collection[str]) -> set[str]:
    """Which of a table's columns stand beside another one and are never shown alone."""
    return {name + end for name in names for end in (*BEST.values(), NAMES)} & set(names)
