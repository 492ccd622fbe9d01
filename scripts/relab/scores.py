"""Scores as a long table: a value per experiment, seed, split and metric, and its summary over seeds.

A score keeps its values unit by unit (:class:`relab.statistics.Measurement`), so that the ledger and the comparison of runs can
compare two scores on the same units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from relab.cells import format_fixed
from relab.errors import UserError
from relab.parquet import read_parquet, write_parquet
from relab.statistics import EXACT, NAN, Estimate, Measurement, estimate

#: ``low`` … ``high`` is the 95 % interval of ``value`` over ``n`` units and ``seeds``; missing where it is unknown.
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
        ("data", pa.string()),  # digest of the data: scores on other data do not compare
        ("items", pa.string()),  # digest of the units: scores of the same units are compared unit by unit
        ("scale", pa.string()),
        ("sums", pa.list_(pa.float64())),  # of each unit: the value is sum(sums) / sum(counts), or its exponential
        ("counts", pa.list_(pa.float64())),
    ]
)

#: The seed in rows that summarise all seeds.
ALL = "all"

#: The columns that identify a score.
KEY = ["experiment", "split", "metric", "data"]

Row = dict[str, Any]


def score(experiment: str, seed: int, split: str, metric: str, measured: Measurement | Estimate | float, data: str = "") -> Row:
    """The row of a score with one seed.

    Args:
        measured: a measurement of units; or a number, whose uncertainty only other seeds show; or an estimate with an interval
            of its own, which cannot be compared unit by unit.
    """
    if isinstance(measured, Estimate):
        return _row(experiment, str(seed), split, metric, measured, data, None)
    if not isinstance(measured, Measurement):
        measured = Measurement.without_units(measured)
    return _row(experiment, str(seed), split, metric, estimate({seed: measured}), data, measured)


def exact(experiment: str, seed: int, split: str, metric: str, value: float, data: str = "") -> Row:
    """The row of a value that is counted, not estimated, and so has no uncertainty."""
    return score(experiment, seed, split, metric, Measurement.exactly(value), data)


def _row(
    experiment: str, seed: str, split: str, metric: str, estimate: Estimate, data: str, measured: Measurement | None
) -> Row:
    row = {"experiment": experiment, "seed": seed, "split": split, "metric": metric, "data": data, **estimate._asdict()}
    if measured is None:
        return row | {"items": "", "scale": "", "sums": None, "counts": None}
    return row | {"items": measured.items, "scale": measured.scale, "sums": measured.sums, "counts": measured.counts}


def with_summary(rows: Iterable[Row]) -> list[Row]:
    """The rows followed by a row of the seed ``all`` for each experiment, split and metric: the mean over the seeds that have a
    value, with its interval over seeds and units.
    """
    rows = list(rows)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in KEY), []).append(row)
    return rows + [_summary(*key, group) for key, group in groups.items()]


def _summary(experiment: str, split: str, metric: str, data: str, rows: list[Row]) -> Row:
    return _row(experiment, ALL, split, metric, summarise(rows), data, None)


def summarise(rows: list[Row]) -> Estimate:
    """The estimate of a score over the rows of its seeds."""
    if len(rows) == 1:
        return Estimate(*(rows[0][field] for field in Estimate._fields))
    estimated = estimate(measurements(rows))
    if any(row["sums"] is None for row in rows):  # the rows' own intervals are all that is known of their units
        margins = [(row["value"] - row["low"], row["high"] - row["value"]) for row in rows if not math.isnan(row["low"])]
        below, above = np.mean(margins, axis=0) if margins else (0.0, 0.0)
        low, high = min(estimated.low, estimated.value - below), max(estimated.high, estimated.value + above)
        estimated = estimated._replace(low=float(low), high=float(high), n=rows[0]["n"], unit=rows[0]["unit"])
    return estimated


def measurements(rows: Iterable[Mapping[str, Any]]) -> dict[int, Measurement]:
    """The measurements by seed, from the rows of a score."""
    return {int(row["seed"]): measurement(row) for row in rows}


def measurement(row: Mapping[str, Any]) -> Measurement:
    """The measurement of a row of a single seed."""
    if row["sums"] is None:
        return Measurement.without_units(row["value"])
    return Measurement(np.asarray(row["sums"]), np.asarray(row["counts"]), row["unit"], row["items"], row["scale"])


def write_scores(path: str | Path, rows: list[Row]) -> None:
    """Write rows as Parquet, whole or not at all. NaN is written as missing."""
    write_parquet(path, pd.DataFrame(rows, columns=SCHEMA.names), SCHEMA)


def write_summarised(path: str | Path, rows: Iterable[Row]) -> None:
    """Write rows like :func:`write_scores`, with the rows that summarise all seeds."""
    write_scores(path, with_summary(rows))


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a file of scores; what is missing is NaN, and None for ``sums`` and ``counts``.

    Raises:
        UserError: no Parquet file, a missing column.
    """
    return read_parquet(path, SCHEMA, "scores")


class Summaries:
    """Scores by experiment, split and metric.

    Args:
        frame: a table of scores with its summaries.
        path: its file, for error messages.
    """

    def __init__(self, frame: pd.DataFrame, path: str | Path):
        self.frame, self.path = frame, path
        self.summary = frame[frame["seed"] == ALL].set_index(["experiment", "split", "metric"])

    @classmethod
    def read(cls, path: str | Path) -> Summaries:
        """The scores of a file, as :func:`read_scores` reads it."""
        return cls(read_scores(path), path)

    def find(self, experiment: str, metric: str, split: str = "validation") -> pd.Series:
        """The summary over seeds: ``value``, ``n``, ``unit``, ``seeds``, ``low``, ``high``.

        Raises:
            UserError: where it is missing.
        """
        try:
            return self.summary.loc[(experiment, split, metric)]
        except KeyError:
            raise UserError(f"{self.path}: no score {metric!r} ({split}) of the experiment {experiment!r}") from None

    def value(self, experiment: str, metric: str, split: str = "validation") -> float:
        """The mean over seeds."""
        return float(self.find(experiment, metric, split)["value"])

    def cells(self, column: str, experiment: str, metric: str, split: str = "validation", digits: int = 3) -> dict[str, str]:
        """Table cells for a value and its 95 % interval: ``{column}``, ``{column}_low``, ``{column}_high``.

        The ends are empty where the interval is unknown, and for exact values.
        """
        row = self.find(experiment, metric, split)
        ends = {end: NAN if row["unit"] == EXACT else row[end] for end in ("low", "high")}
        values = {column: row["value"]} | {f"{column}_{end}": value for end, value in ends.items()}
        return {name: format_fixed(value, digits) for name, value in values.items()}

    def per_seed(self, experiment: str, metric: str, split: str = "validation") -> pd.DataFrame:
        """The rows of the single seeds."""
        frame = self.frame
        chosen = (frame["experiment"] == experiment) & (frame["metric"] == metric) & (frame["split"] == split)
        return frame[chosen & (frame["seed"] != ALL)]
