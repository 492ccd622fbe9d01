"""What the ledger holds: its columns, and the verdicts on claims. Loads nothing, so that the page need not either."""

from __future__ import annotations

#: What the claim says and what was found, in words and as numbers. The estimate is that of one ``quantity``, a score or a
#: difference of two; where ``quantities`` are several it is the one that decided. It should lie from ``claimed_low`` to
#: ``claimed_high``, each empty where there is no such bound, and ``reported`` is the write-up's own figure.
COLUMNS = (
    *("claim", "row", "says", "expected", "found", "verdict", "reason", "source"),
    *("quantity", "quantities", "reported", "claimed_low", "claimed_high", "estimate", "low", "high"),
)

VERDICTS = ("reproduced", "contradicted", "undecided", "not comparable")
REPRODUCED, CONTRADICTED, UNDECIDED, NOT_COMPARABLE = VERDICTS

#: What nothing could contradict is no verdict: it is listed apart.
FACT = "fact"
