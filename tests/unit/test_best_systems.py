"""Marks of the best system of a table: paired differences decide, and systems on other data do not compete."""

import numpy as np
import pandas as pd
import pytest

from relab.rows.shared.best import HIGHER, LOWER, Ranking, with_best
from relab.scores import Summaries, exact, score, with_summary
from relab.statistics import Measurement

ITEMS = 40
HARD = np.random.default_rng(0).normal(scale=3.0, size=ITEMS)  # what makes an item hard for every system


def rows(experiment: str, mean: float, data: str = "d", items: str = "same", noise: float = 0.1) -> list[dict]:
    own = np.random.default_rng(sum(map(ord, experiment))).normal(scale=noise, size=ITEMS)
    return [score(experiment, 0, "test", "m", Measurement.of(mean + HARD + own - own.mean(), "row", items), data)]


def marks(scores: list[dict], better: str, *experiments: str) -> list[str]:
    summaries = Summaries(pd.DataFrame(with_summary(scores)), "scores.parquet")
    names = experiments or tuple(dict.fromkeys(row["experiment"] for row in scores))
    table = with_best([(name, {"name": name}) for name in names], summaries, {"m": Ranking("m", better, "test")})
    assert [row["name"] for row in table] == list(names)
    return [row[f"m_{'highest' if better == HIGHER else 'lowest'}"] for row in table]


def test_the_best_and_those_that_are_not_told_apart_from_it_are_marked():
    scores = rows("a", 1.0) + rows("b", 1.02) + rows("c", 0.5)
    assert marks(scores, HIGHER) == ["perhaps", "yes", "no"]
    assert marks(scores, LOWER) == ["no", "no", "yes"]


def test_differences_are_paired_where_the_items_are_the_same():
    """Intervals of both are ± 1, their difference 0.3 ± 0.05 item by item: told apart only by what both share."""
    near = rows("a", 1.0) + rows("b", 1.3)
    assert marks(near, HIGHER) == ["no", "yes"]
    assert marks([*rows("a", 1.0, items="x"), *rows("b", 1.3, items="y")], HIGHER) == ["perhaps", "yes"]


def test_systems_compete_on_the_same_data_alone():
    scores = rows("a", 1.0) + rows("b", 2.0) + rows("c", 3.0, data="e") + rows("d", 5.0, data="e")
    assert marks(scores, HIGHER) == ["no", "yes", "no", "yes"]
    assert marks(rows("a", 1.0) + rows("c", 3.0, data="e"), HIGHER) == ["", ""]


def test_what_has_no_interval_or_no_score_does_not_compete():
    scores = [*rows("a", 1.0), *rows("b", 2.0), exact("chance", 0, "test", "m", 9.0, "d"), score("s", 0, "test", "m", 9.0, "d")]
    assert marks(scores, HIGHER, "a", "b", "chance", "s", "unknown") == ["no", "yes", "", "", ""]


@pytest.mark.parametrize("better", ["", HIGHER])
def test_a_metric_without_a_direction_has_no_marks(better):
    summaries = Summaries(pd.DataFrame(with_summary(rows("a", 1.0) + rows("b", 2.0))), "scores.parquet")
    table = with_best([("a", {}), ("b", {})], summaries, {"m": Ranking("m", better, "test")})
    assert table == ([{}, {}] if not better else [{"m_highest": "no"}, {"m_highest": "yes"}])
