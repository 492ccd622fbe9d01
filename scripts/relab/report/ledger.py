"""The ledger: every claim of the write-ups with its verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

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

    def number(self, verdict: str) -> int:
        """Number of claims of a verdict, or of facts."""
        return sum(claim["verdict"] == verdict for claim in self.claims)

    @cached_property
    def by_row(self) -> dict[str, list[Record]]:
        """The claims by row."""
        return _by_row(self.claims)

    @cached_property
    def not_comparable(self) -> dict[str, list[Record]]:
        """The claims that this run's settings do not allow to compare, by row."""
        return _by_row(claim for claim in self.claims if claim["verdict"] == NOT_COMPARABLE)

    def marks_of(self, row: str) -> list[tuple[str, str, int]]:
        """The verdicts of a row's claims with their marks and numbers, in the order of the marks."""
        counts = Counter(claim["verdict"] for claim in self.of(row))
        return [(verdict, mark, counts[verdict]) for verdict, mark in MARKS.items() if counts[verdict]]

    def of(self, row: str) -> list[Record]:
        """The claims of one row."""
        return self.by_row.get(row, [])


def _by_row(claims: Iterable[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for claim in claims:
        groups.setdefault(claim["row"], []).append(claim)
    return groups


def brief(found: str) -> str:
    """What was found without what it is of: a value, or the difference of two, with its interval."""
    difference = re.search(r"difference [^()]*$", found)
    return difference[0] if difference else found.partition(" (")[0]


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
