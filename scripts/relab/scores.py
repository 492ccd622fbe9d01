"""Scores in their one form: a long table, a value per experiment, seed, split and metric, and its summary over seeds.

A score keeps what it was measured on, unit by unit (:class:`relab.statistics.Measurement`), so that whoever compares two scores
can do it on the same units: the ledger, the comparison of runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.cells import fixed
from relab.errors import UserError
from relab.files import replacing
from relab.statistics import EXACT, NAN, Estimate, Measurement, estimate

#: ``low`` … ``high`` is the 95 % interval of ``value`` over ``n`` units and ``seeds``; missing where nothing tells it.
SCHEMA = pa.schema(
    [
        ("experiment", pa.string()),
        ("seed", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("n", pa.int64()),
        ("unit", pa.string()),  # what n counts
        ("seeds", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("data", pa.string()),  # digest of what it was measured on: scores on other data do not compare
        ("items", pa.string()),  # which units: scores of the same ones are compared unit by unit
        ("scale", pa.string()),
        ("sums", pa.list_(pa.float64())),  # of each unit: the value is sum(sums) / sum(counts), or its exponential
        ("counts", pa.list_(pa.float64())),
    ]
)

#: The seed of the rows that summarise all seeds.
ALL = "all"

#: What tells a score from others.
KEY = ["experiment", "split", "metric", "data"]

Row = dict[str, Any]


def score(experiment: str, seed: int, split: str, metric: str, measured: Measurement | Estimate | float, data: str = "") -> Row:
    """One row: what was measured with one seed.

    Args:
        measured: unit by unit; or a number, of which nothing but other seeds tells how far it may be off; or an estimate with
            an interval of its own, which cannot be compared unit by unit.
    """
    if isinstance(measured, Estimate):
        return _row(experiment, str(seed), split, metric, measured, data, None)
    if not isinstance(measured, Measurement):
        measured = Measurement.alone(measured)
    return _row(experiment, str(seed), split, metric, estimate({seed: measured}), data, measured)


def exact(experiment: str, seed: int, split: str, metric: str, value: float, data: str = "") -> Row:
    """One row: what was counted and not estimated, and so is certain."""
    return score(experiment, seed, split, metric, Measurement.exactly(value), data)


def _row(experiment: str, seed: str, split: str, metric: str, found: Estimate, data: str, measured: Measurement | None) -> Row:
    row = {"experiment": experiment, "seed": seed, "split": split, "metric": metric, "data": data, **found._asdict()}
    if measured is None:
        return row | {"items": "", "scale": "", "sums": None, "counts": None}
    return row | {"items": measured.items, "scale": measured.scale, "sums": measured.sums, "counts": measured.counts}


def with_summary(rows: Iterable[Row]) -> list[Row]:
    """The rows, and after them one of the seed ``all`` for each experiment, split and metric: the mean over the seeds that have
    a value, with its interval over seeds and units.
    """
    rows = list(rows)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in KEY), []).append(row)
    return rows + [_summary(*key, group) for key, group in groups.items()]


def _summary(experiment: str, split: str, metric: str, data: str, rows: list[Row]) -> Row:
    return _row(experiment, ALL, split, metric, summary(rows), data, None)


def summary(rows: list[Row]) -> Estimate:
    """The estimate over the seeds of one score."""
    if len(rows) == 1:
        return Estimate(*(rows[0][field] for field in Estimate._fields))
    found = estimate(measurements(rows))
    if any(row["sums"] is None for row in rows):  # their own intervals are all that is known of their units
        margins = [(row["value"] - row["low"], row["high"] - row["value"]) for row in rows if not math.isnan(row["low"])]
        below, above = np.mean(margins, axis=0) if margins else (0.0, 0.0)
        low, high = min(found.low, found.value - below), max(found.high, found.value + above)
        found = found._replace(low=float(low), high=float(high), n=rows[0]["n"], unit=rows[0]["unit"])
    return found


def measurements(rows: Iterable[Mapping[str, Any]]) -> dict[int, Measurement]:
    """What was measured by seed, from the rows of one score."""
    return {int(row["seed"]): measurement(row) for row in rows}


def measurement(row: Mapping[str, Any]) -> Measurement:
    """What one row of a seed was measured on."""
    if row["sums"] is None:
        return Measurement.alone(row["value"])
    return Measurement(np.asarray(row["sums"]), np.asarray(row["counts"]), row["unit"], row["items"], row["scale"])


def write_scores(path: str | Path, rows: list[Row]) -> None:
    """Write rows as Parquet, whole or not at all. NaN is written as missing."""
    table = pa.Table.from_pandas(pd.DataFrame(rows, columns=SCHEMA.names), SCHEMA, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def write_summarised(path: str | Path, rows: Iterable[Row]) -> None:
    """Write rows as :func:`write_scores` with those that summarise all seeds."""
    write_scores(path, with_summary(rows))


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a file of scores; what is missing is NaN, and None for ``sums`` and ``counts``.

    Raises:
        UserError: where it lacks a column.
    """
    frame = pq.read_table(path).to_pandas()
    lacking = [name for name in SCHEMA.names if name not in frame]
    if lacking:
        raise UserError(f"{path}: no column {lacking[0]!r}; expected the columns {', '.join(SCHEMA.names)}")
    return frame[SCHEMA.names]


class Summaries:
    """The scores of a chapter by experiment, split and metric."""

    def __init__(self, frame: pd.DataFrame, place: str | Path):
        self.frame, self.place = frame, place
        self.summary = frame[frame["seed"] == ALL].set_index(["experiment", "split", "metric"])

    def find(self, experiment: str, metric: str, split: str = "validation") -> pd.Series:
        """The summary over seeds: ``value``, ``n``, ``unit``, ``seeds``, ``low``, ``high``.

        Raises:
            UserError: where it is missing.
        """
        try:
            return self.summary.loc[(experiment, split, metric)]
        except KeyError:
            raise UserError(f"{self.place}: no score {metric!r} ({split}) of the experiment {experiment!r}") from None

    def value(self, experiment: str, metric: str, split: str = "validation") -> float:
        """The mean over seeds."""
        return float(self.find(experiment, metric, split)["value"])

    def cells(self, column: str, experiment: str, metric: str, split: str = "validation", digits: int = 3) -> dict[str, str]:
        """The cells of a table for a value and its 95 % interval: ``{column}``, ``{column}_low``, ``{column}_high``.

        The ends are empty where there is no interval, and for what was counted, where there is nothing to be unsure of.
        """
        row = self.find(experiment, metric, split)
        ends = {end: NAN if row["unit"] == EXACT else row[end] for end in ("low", "high")}
        return {column: fixed(row["value"], digits)} | {f"{column}_{end}": fixed(value, digits) for end, value in ends.items()}

    def per_seed(self, experiment: str, metric: str, split: str = "validation") -> pd.DataFrame:
        """The rows of the single seeds."""
        frame = self.frame
        chosen = (frame["experiment"] == experiment) & (frame["metric"] == metric) & (frame["split"] == split)
        return frame[chosen & (frame["seed"] != ALL)]
