"""Which system of a table is best, and which are not told apart from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from relab.companion_columns import BEST, HIGHER, LOWER, NO, PERHAPS, YES
from relab.scores import Summaries, measurements
from relab.statistics import EXACT, difference

__all__ = ["HIGHER", "LOWER", "Ranking", "with_best"]


class Ranking(NamedTuple):
    """The metric behind a column, and whether the higher or the lower value of it is better; nothing where neither is."""

    metric: str
    better: str
    split: str = "validation"


def with_best(
    rows: Sequence[tuple[str, dict[str, Any]]], scores: Summaries, columns: Mapping[str, Ranking]
) -> list[dict[str, Any]]:
    """The rows of a table with a column ``{column}_highest`` or ``{column}_lowest`` for each of ``columns``.

    It is :data:`YES` for the best estimate of all systems that were measured on the same data, :data:`PERHAPS` for those of
    which the 95 % interval of the difference from it, paired by seeds and units, holds 0 or is unknown, and :data:`NO` for the
    others; empty where a system has no interval, and where none competes with it.

    Args:
        rows: the experiment of each row, and the row.
    """
    marked = [dict(row) for _, row in rows]
    for column, good in columns.items():
        if not good.better:
            continue
        outcomes = _outcomes([experiment for experiment, _ in rows], scores, good)
        for (experiment, _), row in zip(rows, marked, strict=True):
            row[column + BEST[good.better]] = outcomes.get(experiment, "")
    return marked


def _outcomes(experiments: Sequence[str], scores: Summaries, good: Ranking) -> dict[str, str]:
    """Whether each experiment that competes is best."""
    by_data: dict[str, dict[str, float]] = {}
    for experiment in dict.fromkeys(experiments):
        if (experiment, good.split, good.metric) not in scores.summary.index:
            continue
        summary = scores.find(experiment, good.metric, good.split)
        if summary["unit"] != EXACT and summary["low"] == summary["low"]:
            by_data.setdefault(summary["data"], {})[experiment] = summary["value"]
    outcomes: dict[str, str] = {}
    for values in by_data.values():
        if len(values) > 1:
            best = (max if good.better == HIGHER else min)(values, key=values.__getitem__)
            outcomes |= {name: YES if name == best else _beside(name, best, scores, good) for name in values}
    return outcomes


def _beside(experiment: str, best: str, scores: Summaries, good: Ranking) -> str:
    sides = (measurements(scores.per_seed(name, good.metric, good.split).to_dict("records")) for name in (best, experiment))
    beyond = difference(*sides)
    return NO if beyond.low > 0 or beyond.high < 0 else PERHAPS
