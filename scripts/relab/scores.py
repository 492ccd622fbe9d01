"""Scores in their one form: a long table, a value per experiment, seed, split and metric, and its summary over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing

#: ``n`` and the interval ``low`` … ``high`` belong to what is measured: for one seed the things counted and a bootstrap
#: interval over texts, where it is a share; for ``all`` the number of seeds and the mean -/+ their standard deviation.
SCHEMA = pa.schema(
    [
        ("experiment", pa.string()),
        ("seed", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("n", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("data", pa.string()),  # digest of what it was measured on: scores on other data do not compare
    ]
)

#: The seed of the rows that summarise all seeds.
ALL = "all"

NAN = float("nan")


def score(
    experiment: str,
    seed: int,
    split: str,
    metric: str,
    value: float,
    n: int = 1,
    low: float = NAN,
    high: float = NAN,
    data: str = "",
) -> dict[str, Any]:
    """One row: a value measured for one seed."""
    return {
        "experiment": experiment,
        "seed": str(seed),
        "split": split,
        "metric": metric,
        "value": float(value),
        "n": int(n),
        "low": float(low),
        "high": float(high),
        "data": data,
    }


def with_summary(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, and after them one of the seed ``all`` for each experiment, split and metric.

    Its value is the mean over the seeds that have one, ``n`` their number, ``low`` and ``high`` the mean -/+ the sample
    standard deviation; with one seed there is no deviation and they are missing.
    """
    rows = list(rows)
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for row in rows:
        values = groups.setdefault((row["experiment"], row["split"], row["metric"], row["data"]), [])
        if not math.isnan(row["value"]):
            values.append(row["value"])
    return rows + [_summary(*key, values) for key, values in groups.items()]


def _summary(experiment: str, split: str, metric: str, data: str, values: list[float]) -> dict[str, Any]:
    mean = statistics.fmean(values) if values else NAN
    deviation = statistics.stdev(values) if len(values) > 1 else NAN
    return {**score(experiment, 0, split, metric, mean, len(values), mean - deviation, mean + deviation, data), "seed": ALL}


def write_scores(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as Parquet, whole or not at all. NaN is written as missing."""
    table = pa.Table.from_pandas(pd.DataFrame(rows, columns=SCHEMA.names), SCHEMA, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary)


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a file of scores; what is missing is NaN.

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
        """The summary over seeds: ``value``, ``n``, ``low``, ``high``.

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

    def deviation(self, experiment: str, metric: str, split: str = "validation") -> float:
        """The standard deviation over seeds, NaN for one seed."""
        row = self.find(experiment, metric, split)
        return float(row["high"] - row["value"])

    def per_seed(self, experiment: str, metric: str, split: str = "validation") -> pd.DataFrame:
        """The rows of the single seeds."""
        frame = self.frame
        chosen = (frame["experiment"] == experiment) & (frame["metric"] == metric) & (frame["split"] == split)
        return frame[chosen & (frame["seed"] != ALL)]
