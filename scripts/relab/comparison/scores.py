"""Scores of two runs joined: old, new, difference, and whether the difference stands out from the seeds' spread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from relab.comparison.runs import Run
from relab.errors import UserError
from relab.scores import ALL

KEY = ["writeup", "experiment", "seed", "split", "metric"]
VALUES = ["value", "n", "low", "high", "data"]

OUTSIDE, NO_SPREAD, INSIDE = CHANGED = ("outside the seeds' spread", "no spread", "inside the seeds' spread")
ONE_SEED = "value of one seed"
UNCHANGED = "unchanged"
OTHER_DATA = "other data: not comparable"
ONLY_A, ONLY_B = "only in A", "only in B"

COLUMNS = [*KEY, "counterpart", "old", "new", "difference", "relative_difference", "spread", "n_old", "n_new", "verdict"]


def load(run: Run) -> pd.DataFrame:
    """All scores behind the run's report: the columns :data:`KEY` and :data:`VALUES`.

    ``data`` is the digest of what a score was computed on, empty where it is not recorded.

    Raises:
        UserError: a file that lacks a column, or two scores of one key.
    """
    frames = [_read(file).assign(writeup=path.split("/")[2]) for path, file in run.files("scores", ".parquet").items()]
    scores = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*KEY, *VALUES])
    scores = scores.astype(dict.fromkeys(KEY, "str") | dict.fromkeys(["value", "n", "low", "high"], "float64"))
    scores["data"] = scores["data"].astype(object).fillna("")
    if (twice := scores.duplicated(KEY)).any():
        raise UserError(f"{run.folder}: expected a score once, found {' / '.join(scores.loc[twice, KEY].iloc[0])} twice")
    return scores


def _read(file: Path) -> pd.DataFrame:
    """A file of scores, which may be older than the column ``data``."""
    frame = pd.read_parquet(file)
    lacking = [name for name in (*KEY[1:], *VALUES[:-1]) if name not in frame]
    if lacking:
        raise UserError(f"{file}: expected a table of scores with the column {lacking[0]!r}, found {', '.join(frame.columns)}")
    return frame.reindex(columns=[*KEY, *VALUES])


def join(old: pd.DataFrame, new: pd.DataFrame, replaced: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Outer join of two runs' scores with the columns :data:`COLUMNS`, in order of the key.

    An experiment that only the old run has is joined to the one of the new run in whose label a swept value took another's
    place (``replaced``, by label: :func:`relab.comparison.settings.replaced`); ``counterpart`` is its name in the old run.

    ``difference`` and ``relative_difference`` (to the old value's size) are missing where the two cannot be compared.
    ``spread`` is the larger of the two standard deviations over seeds. The value of one seed beside which the mean over
    seeds stands is not judged: the mean is.
    """
    old = _renamed(old, set(new["experiment"]), replaced or {})
    joined = old.merge(new, on=KEY, how="outer", suffixes=("_old", "_new"), indicator=True, validate="1:1")
    joined = joined.rename(columns={"value_old": "old", "value_new": "new"}).sort_values(KEY, ignore_index=True)
    comparable = (joined["_merge"] == "both") & ~_other_data(joined)
    joined["difference"] = (joined["new"] - joined["old"]).where(comparable)
    joined["relative_difference"] = (joined["difference"] / joined["old"].abs()).where(joined["old"] != 0)
    joined["spread"] = pd.concat([_deviation(joined, "old"), _deviation(joined, "new")], axis=1).max(axis=1)
    joined["verdict"] = _verdicts(joined)
    joined["counterpart"] = joined["counterpart"].fillna("")
    return joined[COLUMNS].astype({"n_old": "Int64", "n_new": "Int64"})


def _renamed(old: pd.DataFrame, new_names: set[str], replaced: Mapping[str, str]) -> pd.DataFrame:
    """The old scores with experiments named as in the new run, and their own names as ``counterpart`` where that differs."""
    old_names = set(old["experiment"])
    pattern = "|".join(map(re.escape, replaced)) or "(?!)"
    names = {
        name: re.sub(rf"(?<![\w.])({pattern})(?![\w.])", lambda match: replaced[match[1]], name)
        for name in old_names - new_names
    }
    names = {name: other for name, other in names.items() if other in new_names - old_names}
    own = old["experiment"].where(old["experiment"].isin(names), "")
    return old.assign(experiment=old["experiment"].replace(names), counterpart=own)


def _deviation(joined: pd.DataFrame, run: str) -> pd.Series:
    """Standard deviation over seeds in one run, of the rows that are means over more than one."""
    several = (joined["seed"] == ALL) & (joined[f"n_{run}"] > 1)
    return ((joined[f"high_{run}"] - joined[f"low_{run}"]) / 2).where(several)


def _other_data(joined: pd.DataFrame) -> pd.Series:
    """Whether both runs say what a score was computed on, and differ."""
    old, new = joined["data_old"].fillna(""), joined["data_new"].fillna("")
    return (old != "") & (new != "") & (old != new)


def _verdicts(joined: pd.DataFrame) -> pd.Series:
    """The later rule wins."""
    verdict = pd.Series(OUTSIDE, index=joined.index, dtype=object)
    verdict[joined["difference"].abs() <= joined["spread"]] = INSIDE
    verdict[joined["spread"].isna()] = NO_SPREAD
    verdict[_beside_mean(joined)] = ONE_SEED
    verdict[(joined["old"] == joined["new"]) | (joined["old"].isna() & joined["new"].isna())] = UNCHANGED
    verdict[_other_data(joined)] = OTHER_DATA
    verdict[joined["_merge"] == "left_only"] = ONLY_A
    verdict[joined["_merge"] == "right_only"] = ONLY_B
    return verdict


def _beside_mean(joined: pd.DataFrame) -> pd.Series:
    """Whether a row is the value of one seed and the mean over seeds stands there too."""
    is_mean = joined["seed"] == ALL
    group = [joined[column] for column in KEY if column != "seed"]
    return ~is_mean & is_mean.groupby(group).transform("any")


def judged(joined: pd.DataFrame) -> pd.DataFrame:
    """The rows that are counted and shown: means over seeds, and values that have no such mean beside them.

    In the order in which they are read: what changed before what did not, outside the spread first, larger relative
    differences first (a difference from 0 is larger than any).
    """
    rows = joined[~_beside_mean(joined)]
    order = [*CHANGED, UNCHANGED, OTHER_DATA, ONLY_A, ONLY_B]
    weight = pd.DataFrame({"rank": rows["verdict"].map(order.index), "size": rows["relative_difference"].abs()})
    weight = weight.sort_values(["rank", "size"], ascending=[True, False], kind="stable", na_position="first")
    return rows.loc[weight.index]
