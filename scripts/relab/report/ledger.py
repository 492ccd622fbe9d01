"""The ledger: every claim of the write-ups with its verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from relab.claims.verdicts import COLUMNS, CONTRADICTED, FACT, NOT_COMPARABLE, REPRODUCED, UNDECIDED, VERDICTS
from relab.errors import UserError
from relab.report.axis import Axis
from relab.report.tables import Cell, Data, Record
from relab.report.text import interval_format, number

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


def result(claim: Record) -> Cell | None:
    """The number that decided a claim, with its interval, and of how many it is one; ``None`` where nothing was compared."""
    if not claim["estimate"]:
        return None
    value, low, high = (_number(claim, column) for column in ("estimate", "low", "high"))
    spec = interval_format(low, high)
    kind = "Δ " if claim["quantity"] == "difference" else ""
    interval = f"[{claim.number('low', spec)}, {claim.number('high', spec)}]" if spec else ""
    count = f"1 of {claim['quantities']}" if claim["quantities"] != "1" else ""
    return Cell(kind + claim.number("estimate", spec), interval, count)


def claimed(claim: Record) -> str:
    """Where the number that decides a claim should lie, in words; empty where it is no number."""
    low, high = (_number(claim, f"claimed_{end}") for end in ("low", "high"))
    if low == high:
        return f"exactly {claim.number('claimed_low')}"
    if math.isfinite(low) and math.isfinite(high):
        return f"{number(f'{(low + high) / 2:.6g}')} ± {number(f'{(high - low) / 2:.6g}')}"
    if math.isfinite(low):
        return f"above {claim.number('claimed_low')}"
    return f"below {claim.number('claimed_high')}" if math.isfinite(high) else ""


def bar(claim: Record) -> str:
    """What a claim says, the write-up's own figure and this run's with its interval on one axis, as properties of a style."""
    if not claim["estimate"] or not claimed(claim):
        return ""
    columns = {"from": "claimed_low", "to": "claimed_high", "reported": "reported"}
    columns |= {"low": "low", "high": "high", "value": "estimate"}
    points = {point: _number(claim, column) for point, column in columns.items()}
    axis = Axis.over(points.values(), margin=0.12)
    if axis is None:  # exactly what was claimed
        axis = Axis(points["value"] - 1, points["value"] + 1)
    ends = {"from": axis.left, "to": axis.right}  # of what has no bound
    ends |= {"low": points["value"], "high": points["value"]}  # of what has no interval
    points = {point: value if math.isfinite(value) else ends.get(point, value) for point, value in points.items()}
    return axis.style(**{point: value for point, value in points.items() if math.isfinite(value)})


def _number(claim: Record, column: str) -> float:
    """A number of the ledger, NaN where the field is empty."""
    return float(claim[column]) if claim[column] else math.nan


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
