"""How a table says which of its systems are best: columns beside that of a metric, and what stands in them."""

from __future__ import annotations

#: Which values of a metric are better, and the end of the name of the column that says which are best.
HIGHER, LOWER = "higher", "lower"
ENDS = {HIGHER: "_highest", LOWER: "_lowest"}

#: The best by its estimate; what is not told apart from it; the others.
YES, PERHAPS, NO = "yes", "perhaps", "no"
