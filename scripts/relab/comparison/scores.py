"""The scores of two runs joined: old, new, the difference with its interval, and whether it lies beyond chance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from relab.comparison.runs import Run
from relab.errors import UserError
from relab.files import require_columns
from relab.scores import ALL, measurement
from relab.statistics import NAN, Estimate, Measurement, difference

KEY = ["writeup", "experiment", "seed", "split", "metric"]
VALUES = ["value", "n", "unit", "seeds", "low", "high", "data", "items", "scale", "sums", "counts"]

#: Columns that runs of the first versions lack.
LATER_COLUMNS = {"unit", "seeds", "data", "items", "scale", "sums", "counts"}

BEYOND, NO_INTERVAL, WITHIN = CHANGED = ("beyond chance", "no interval", "may be chance")
ONE_SEED = "value of one seed"
UNCHANGED = "unchanged"

#: Between two systems in the name of the experiment that is their difference.
MINUS = " − "
OTHER_DATA = "other data: not comparable"
ONLY_A, ONLY_B = "only in A", "only in B"

COLUMNS = [
    *KEY, "counterpart", "old", "old_low", "old_high", "new", "new_low", "new_high",
    "difference", "relative_difference", "difference_low", "difference_high",
    "seeds_old", "seeds_new", "n_old", "n_new", "unit", "verdict",
]  # fmt: skip


def load_scores(run: Run) -> pd.DataFrame:
    """All scores behind the run's report: the columns :data:`KEY` and :data:`VALUES`.

    ``data`` is the digest of the data that a score was computed on, empty where it is not recorded.

    Raises:
        UserError: a file that lacks a column, or two scores of one key.
    """
    frames = [_read(file).assign(writeup=path.split("/")[2]) for path, file in run.files("scores", ".parquet").items()]
    scores = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*KEY, *VALUES])
    scores = scores.astype(dict.fromkeys(KEY, "str") | dict.fromkeys(["value", "n", "seeds", "low", "high"], "float64"))
    for column in ("data", "unit", "items", "scale"):
        scores[column] = scores[column].astype(object).fillna("")
    if (twice := scores.duplicated(KEY)).any():
        raise UserError(f"{run.folder}: expected a score once, found {' / '.join(scores.loc[twice, KEY].iloc[0])} twice")
    return scores


def _read(file: Path) -> pd.DataFrame:
    """Read a file of scores, which may be older than some columns."""
    frame = pd.read_parquet(file)
    require_columns(frame, [name for name in (*KEY[1:], *VALUES) if name not in LATER_COLUMNS], f"{file}:")
    return frame.reindex(columns=[*KEY, *VALUES])


def join_scores(old: pd.DataFrame, new: pd.DataFrame, replaced: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Outer join of two runs' scores with the columns :data:`COLUMNS`, in order of the key.

    An experiment that only the old run has is joined to that of the new run in whose label a swept value was replaced
    (``replaced``, by label: :func:`relab.comparison.settings.replaced_values`); ``counterpart`` is its name in the old run.

    ``_low`` and ``_high`` are the ends of 95 % intervals; that of the difference is paired by seeds of equal numbers and by the
    same units. ``difference`` and ``relative_difference`` (to the old value's size) are missing where the two cannot be
    compared. The value of a single seed is not judged where the mean over seeds is there too.
    """
    old = _rename_experiments(old, set(new["experiment"]), replaced or {})
    joined = old.merge(new, on=KEY, how="outer", suffixes=("_old", "_new"), indicator=True, validate="1:1")
    ends = {f"{end}_{side}": f"{side}_{end}" for side in ("old", "new") for end in ("low", "high")}
    joined = joined.rename(columns={"value_old": "old", "value_new": "new", **ends}).sort_values(KEY, ignore_index=True)
    comparable = (joined["_merge"] == "both") & ~_other_data(joined)
    joined["difference"] = (joined["new"] - joined["old"]).where(comparable)
    joined["relative_difference"] = (joined["difference"] / joined["old"].abs()).where(joined["old"] != 0)
    margins = pd.Series(list(_margins(joined, _rows_by_score(old), _rows_by_score(new))), index=joined.index, dtype=float)
    joined["difference_low"], joined["difference_high"] = joined["difference"] - margins, joined["difference"] + margins
    joined["unit"] = joined["unit_new"].where(joined["unit_new"].notna(), joined["unit_old"])
    joined["verdict"] = _verdicts(joined)
    joined["counterpart"] = joined["counterpart"].fillna("")
    return joined[COLUMNS].astype(dict.fromkeys(["n_old", "n_new", "seeds_old", "seeds_new"], "Int64"))


#: The rows of a score's single seeds, by write-up, experiment, split and metric.
Group = tuple[str, ...]


def _rows_by_score(frame: pd.DataFrame) -> dict[Group, list[dict[str, Any]]]:
    columns = [name for name in KEY if name != "seed"]
    single = frame[frame["seed"] != ALL]
    return {group: rows.to_dict("records") for group, rows in single.groupby(columns, sort=False)}


def _margins(
    joined: pd.DataFrame, old: Mapping[Group, list[dict[str, Any]]], new: Mapping[Group, list[dict[str, Any]]]
) -> Iterator[float]:
    """Half of the interval of each difference, NaN where it is unknown."""
    for row in joined.to_dict("records"):
        if math.isnan(row["difference"]) or row["difference"] == 0:
            yield NAN
            continue
        group = tuple(row[name] for name in KEY if name != "seed")
        sides = [[score for score in rows.get(group, []) if row["seed"] in (ALL, score["seed"])] for rows in (old, new)]
        yield _margin(*sides)


def _margin(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> float:
    before, after = ({int(row["seed"]): _measured(row) for row in rows} for rows in (old, new))
    estimate: Estimate = difference(after, before)
    margin = (estimate.high - estimate.low) / 2
    if not all(map(_has_units, (*old, *new))):
        # without the values of the units, the estimates' own intervals are all that is known of them
        units = math.hypot(*(max(((row["high"] - row["low"]) / 2 for row in rows), default=NAN) for rows in (old, new)))
        known = [value for value in (margin, units) if not math.isnan(value)]
        return max(known, default=NAN)
    return margin


def _has_units(row: dict[str, Any]) -> bool:
    return hasattr(row["sums"], "__len__")


def _measured(row: dict[str, Any]) -> Measurement:
    return measurement({**row, "sums": row["sums"] if _has_units(row) else None})


def _rename_experiments(old: pd.DataFrame, new_names: set[str], replaced: Mapping[str, str]) -> pd.DataFrame:
    """The old scores with experiments named as in the new run; ``counterpart`` is the old name where it differs."""
    old_names = set(old["experiment"])
    pattern = "|".join(map(re.escape, replaced)) or "(?!)"
    names = {
        name: re.sub(rf"(?<![\w.])({pattern})(?![\w.])", lambda match: replaced[match[1]], name)
        for name in old_names - new_names
    }
    names = {name: new_name for name, new_name in names.items() if new_name in new_names - old_names}
    counterparts = old["experiment"].where(old["experiment"].isin(names), "")
    return old.assign(experiment=old["experiment"].replace(names), counterpart=counterparts)


def _other_data(joined: pd.DataFrame) -> pd.Series:
    """Whether both runs record the data of a score, and it differs."""
    old, new = joined["data_old"].fillna(""), joined["data_new"].fillna("")
    return (old != "") & (new != "") & (old != new)


def _verdicts(joined: pd.DataFrame) -> pd.Series:
    """The verdict of each score; later rules override earlier ones."""
    verdict = pd.Series(BEYOND, index=joined.index, dtype=object)
    verdict[(joined["difference_low"] <= 0) & (joined["difference_high"] >= 0)] = WITHIN
    verdict[joined["difference_low"].isna()] = NO_INTERVAL
    verdict[joined["old"].isna() != joined["new"].isna()] = BEYOND  # a value is missing in one run
    verdict[_beside_mean(joined)] = ONE_SEED
    verdict[(joined["old"] == joined["new"]) | (joined["old"].isna() & joined["new"].isna())] = UNCHANGED
    verdict[_other_data(joined)] = OTHER_DATA
    verdict[joined["_merge"] == "left_only"] = ONLY_A
    verdict[joined["_merge"] == "right_only"] = ONLY_B
    return verdict


def _beside_mean(joined: pd.DataFrame) -> pd.Series:
    """Whether a row is the value of one seed and there is also a mean over seeds."""
    is_mean = joined["seed"] == ALL
    group = [joined[column] for column in KEY if column != "seed"]
    return ~is_mean & is_mean.groupby(group).transform("any")


def _restated(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is the difference of two systems whose own rows are there and tell of its change."""
    columns = ["writeup", "split", "metric"]
    verdicts = {(row.experiment, *(getattr(row, name) for name in columns)): row.verdict for row in rows.itertuples()}

    def restated(row: Any) -> bool:
        system, minus, reference = row["experiment"].partition(MINUS)
        sides = [system, f"{system.rpartition('/')[0]}/{reference}"] if minus else []
        told = [verdicts.get((side, *(row[name] for name in columns))) for side in sides]
        return bool(told) and all(told) and (row["verdict"] != BEYOND or BEYOND in told)

    return rows.apply(restated, axis=1) if len(rows) else pd.Series(dtype=bool, index=rows.index)


def judged_scores(joined: pd.DataFrame) -> pd.DataFrame:
    """The rows that are counted and shown: means over seeds, and single values without such a mean.

    A difference of two systems says again what their own rows say, and is left out where they are shown, unless it alone
    changed beyond chance.

    Ordered for readers: changed before unchanged, beyond chance first, larger relative differences first (a difference from 0
    is larger than any).
    """
    rows = joined[~_beside_mean(joined)]
    rows = rows[~_restated(rows)]
    order = [*CHANGED, UNCHANGED, OTHER_DATA, ONLY_A, ONLY_B]
    weight = pd.DataFrame({"rank": rows["verdict"].map(order.index), "size": rows["relative_difference"].abs()})
    weight = weight.sort_values(["rank", "size"], ascending=[True, False], kind="stable", na_position="first")
    return rows.loc[weight.index]
