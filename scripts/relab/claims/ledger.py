"""The ledger: the verdict on each claim of the write-ups by the scores of this run.

A claim's conditions on the settings come first: where one fails the verdict is ``not comparable`` and no score is read. Nor is
it comparable where it rests on scores that no row of this run computes, since a row shows other data or models. Else its
comparison decides by the 95 % interval (:mod:`relab.statistics`) of a score or of the difference of two: ``reproduced`` where
the whole interval satisfies the claim, ``contradicted`` where the whole interval violates it, and else ``undecided``.
Scores that vary more have wider intervals, and so decide less.

A claim that no outcome could contradict is a ``fact``: it is listed with its scores, and counted separately.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from relab.claims.comparisons import COMPARISONS, Quantity
from relab.claims.scores import NoValue, Scores, format_list
from relab.claims.verdicts import COLUMNS, NOT_COMPARABLE
from relab.settings.claims import Claim, Predicate


def ledger(claims: Mapping[str, Claim], settings: Mapping[str, Sequence[Any]], scores: Mapping[str, Scores]) -> pd.DataFrame:
    """The ledger, a row for each claim, in the order of the claims.

    Args:
        claims: the claims by name.
        settings: the values of each setting that a condition names.
        scores: the scores by write-up.
    """
    return pd.DataFrame([_row(name, claim, settings, scores) for name, claim in claims.items()], columns=list(COLUMNS))


def _row(name: str, claim: Claim, settings: Mapping[str, Sequence[Any]], scores: Mapping[str, Scores]) -> dict[str, str]:
    comparison = COMPARISONS[type(claim.comparison)]
    row = {"claim": name, "row": claim.row, "says": claim.says, "expected": comparison.expect(claim.comparison)}
    row = dict.fromkeys(COLUMNS, "") | row | {"verdict": NOT_COMPARABLE, "source": claim.source}
    failing = [reason for reason in (_failing_reason(condition, settings) for condition in claim.comparable) if reason]
    if failing:
        return row | {"reason": "; ".join(failing)}
    try:
        if claim.writeup not in scores:
            raise NoValue(f"this run has no scores of {claim.writeup}")
        decision = comparison.decide(claim.comparison, scores[claim.writeup])
    except NoValue as error:
        return row | {"reason": str(error)}
    words = {"found": decision.text, "verdict": decision.verdict, "reason": decision.reason}
    return row | words | _numbers(decision.quantity, claim.reported_value)


def _numbers(quantity: Quantity, reported: float | None) -> dict[str, str]:
    """What decided a claim in the ledger's columns of numbers, and the write-up's own figure for it."""
    estimate, expected = quantity.estimate, quantity.range
    numbers = {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
    if reported is not None:
        numbers["reported"] = reported
    if expected is not None:
        numbers |= {"claimed_low": expected.low, "claimed_high": expected.high}
    written = {name: f"{value:.6g}" if math.isfinite(value) else "" for name, value in numbers.items()}
    return written | {"quantity": quantity.kind, "quantities": str(quantity.number)}


def _failing_reason(condition: Predicate, settings: Mapping[str, Sequence[Any]]) -> str:
    """Why a condition fails: the setting, its value in this run and the expected one; empty where it holds."""
    values = settings.get(condition.setting, [])
    actual = format_list(values) if values else "not set"
    if condition.one_of is not None:
        holds, expected = (
            all(value in condition.one_of for value in values),
            f"{format_list(condition.one_of, 'or')} in the write-up",
        )
    elif condition.exactly is not None:
        holds, expected = set(values) == set(condition.exactly), f"{format_list(condition.exactly)} in the write-up"
    elif condition.includes is not None:
        missing = [value for value in condition.includes if value not in values]
        holds, expected = not missing, f"without the write-up's {format_list(missing or condition.includes)}"
    elif condition.at_least is not None:
        holds, expected = all(value >= condition.at_least for value in values), f"at least {condition.at_least:g} needed"
    else:
        holds, expected = len(set(values)) >= condition.several, f"at least {condition.several} different values needed"
    return "" if values and holds else f"{condition.setting} is {actual} here, {expected}"
