"""The ledger: every claim of the write-ups with its verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from relab.errors import UserError
from relab.report.tables import Data, Record

COLUMNS = ("claim", "row", "says", "expected", "found", "verdict", "reason", "source")

VERDICTS = ("reproduced", "contradicted", "undecided", "not comparable")
REPRODUCED, CONTRADICTED, UNDECIDED, NOT_COMPARABLE = VERDICTS

#: What nothing could contradict is no verdict: it is listed apart.
FACT = "fact"

#: Marks that stand beside the words, so that colour is never all there is.
MARKS = {REPRODUCED: "✓", CONTRADICTED: "✗", UNDECIDED: "?", NOT_COMPARABLE: "–", FACT: "="}


@dataclass(frozen=True)
class Ledger:
    """The claims as rows of the ledger's table."""

    path: str
    claims: list[Record]

    @property
    def counts(self) -> dict[str, int]:
        """Number of claims by verdict, every verdict named; facts are none."""
        counts = Counter(claim["verdict"] for claim in self.claims)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    @property
    def compared(self) -> list[Record]:
        """The claims that are set against this run, whatever came out."""
        return [claim for claim in self.claims if claim["verdict"] not in (NOT_COMPARABLE, FACT)]

    @property
    def facts(self) -> list[Record]:
        """What nothing could contradict."""
        return [claim for claim in self.claims if claim["verdict"] == FACT]

    @property
    def not_comparable(self) -> dict[str, list[Record]]:
        """The claims that this run's settings do not allow to compare, by row."""
        groups: dict[str, list[Record]] = {}
        for claim in self.claims:
            if claim["verdict"] == NOT_COMPARABLE:
                groups.setdefault(claim["row"], []).append(claim)
        return groups

    def of(self, row: str) -> list[Record]:
        """The claims of one row."""
        return [claim for claim in self.claims if claim["row"] == row]


def ledger(data: Data, rows: list[str]) -> Ledger:
    """The ledger in the order of the report's ``rows``; claims of other rows follow.

    Raises:
        UserError: a lacking column, an unknown verdict, two claims of one name.
    """
    data.require(*COLUMNS)
    for claim in data.records:
        if claim["verdict"] not in MARKS:
            raise UserError(
                f"{data.path}: claim {claim['claim']}: expected a verdict among {', '.join(MARKS)}, found {claim['verdict']!r}"
            )
    names = data.values("claim")
    if len(set(names)) < len(names):
        raise UserError(f"{data.path}: the claim {Counter(names).most_common(1)[0][0]!r} stands there twice")
    order = {row: index for index, row in enumerate(rows)}
    return Ledger(data.path, sorted(data.records, key=lambda claim: order.get(claim["row"], len(rows))))
