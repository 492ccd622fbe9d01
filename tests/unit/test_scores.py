"""Scores in their one form: rows of a seed, their summary over seeds, what is stored and what tables show."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp

from relab.errors import UserError
from relab.scores import SCHEMA, Summaries, exact, read_scores, score, with_summary, write_scores
from relab.statistics import Estimate, Measurement

NAMES = ("model", "test", "loss")


def of_seed(seed: int, measured) -> dict:
    experiment, split, metric = NAMES
    return score(experiment, seed, split, metric, measured)


def texts(values, **more) -> Measurement:
    return Measurement.of(values, "text", **more)


def summary_of(*measured) -> dict:
    """The summary of a score that has this with the seeds 0, 1, …"""
    *_, row = with_summary(of_seed(seed, one) for seed, one in enumerate(measured))
    assert row["seed"] == "all"
    return row


def summaries(rows) -> Summaries:
    return Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "scores.parquet")


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_a_row_has_the_interval_of_its_units():
    row, values = of_seed(3, texts([1.0, 2.0, 4.0])), [1.0, 2.0, 4.0]
    assert (row["seed"], row["n"], row["unit"], row["seeds"]) == ("3", 3, "text", 1)
    assert [row["value"], row["high"] - row["value"]] == pytest.approx([7 / 3, half(values)])


def test_a_number_is_known_by_its_seeds_alone():
    row = of_seed(0, 2.5)
    assert (row["value"], row["unit"], row["seeds"]) == (2.5, "seed", 1) and math.isnan(row["low"]) and math.isnan(row["high"])
    found = summary_of(2.5, 3.0, 4.0)
    assert [found["value"], found["high"] - found["value"]] == pytest.approx([9.5 / 3, half([2.5, 3.0, 4.0])])


@pytest.mark.parametrize(("always", "items", "units"), [(0.0, "", 16), (0.0, "the same", 8), (1.0, "the same", 8)])
def test_a_share_that_no_unit_departs_from_is_not_certain(always, items, units):
    counts = np.arange(1.0, 9.0)  # such as the words of texts, none of which stands in a corpus
    found = summary_of(*[Measurement(always * counts, counts, "text", items, "share")] * 2)
    ends = binomtest(round(always) * units, units).proportion_ci(method="exact")
    assert (found["value"], found["n"]) == (always, units) and [found["low"], found["high"]] == pytest.approx([*ends])


def test_what_is_counted_is_certain():
    row = exact(*(NAMES[0], 0, *NAMES[1:]), 7)
    assert (row["value"], row["low"], row["high"], row["unit"]) == (7, 7, 7, "exact")


@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("items", ["", "the same"])
def test_a_summary_is_never_surer_than_its_units_or_its_seeds_alone(number, spread, items):
    rng = np.random.default_rng(number)
    values = rng.normal(size=12) + spread * rng.normal(size=(number, 1)) + 0.2 * rng.normal(size=(number, 12))
    found = summary_of(*(texts(own, items=items) for own in values))
    units = half(values.mean(axis=0)) if items else max(map(half, values)) / number
    assert found["high"] - found["value"] >= max(units, half(values.mean(axis=1))) - 1e-9
    assert found["value"] - found["low"] >= max(units, half(values.mean(axis=1))) - 1e-9
    assert (found["seeds"], found["n"]) == (number, 12 if items else 12 * number)


def test_seeds_that_agree_by_chance_hide_nothing_of_their_units():
    """Two seeds at 0.021 and 0.022, each -0.3 to 0.35, do not tell that a value lies above 0."""
    rng = np.random.default_rng(0)
    spread = rng.normal(size=50)
    spread -= spread.mean()
    found = summary_of(*(texts(mean + spread, items="the same") for mean in (0.021, 0.022)))
    assert found["low"] < 0 < found["value"] == pytest.approx(0.0215)


def test_a_summary_of_intervals_of_their_own_is_as_wide_as_they_are():
    wide = [Estimate(value, value - 1, value + 2, 40, "text", 1) for value in (5.0, 5.1)]
    found = summary_of(*wide)
    assert (found["low"], found["high"]) == (pytest.approx(4.05), pytest.approx(7.05))
    assert (found["n"], found["unit"], found["seeds"]) == (40, "text", 2)
    apart = summary_of(*(Estimate(value, value - 1, value + 2, 40, "text", 1) for value in (2.0, 8.0)))
    assert [apart["low"], apart["high"]] == pytest.approx([5 - half([2, 8]), 5 + half([2, 8])])


def test_a_summary_of_one_seed_is_its_row():
    for measured in (texts([1.0, 0.0, 1.0], scale="share"), Estimate(1.0, 0.5, 3.0, 9, "query", 1), 4.0):
        row, found = of_seed(0, measured), summary_of(measured)
        for field in Estimate._fields:
            assert row[field] == found[field] or (math.isnan(row[field]) and math.isnan(found[field]))


def test_seeds_without_a_value_are_left_out():
    found = summary_of(texts([1.0, 2.0, 4.0]), texts([math.nan] * 3))
    assert (found["seeds"], found["n"]) == (1, 3) and found["value"] == pytest.approx(7 / 3)
    nothing = summary_of(texts([math.nan]), texts([]))
    assert math.isnan(nothing["value"]) and (nothing["seeds"], nothing["n"], nothing["unit"]) == (0, 0, "text")


def test_scores_on_other_data_have_summaries_of_their_own():
    experiment, split, metric = NAMES
    rows = [score(experiment, seed, split, metric, 1.0, data) for seed in (0, 1) for data in ("a", "b")]
    found = with_summary(rows)
    assert [(row["data"], row["seeds"]) for row in found if row["seed"] == "all"] == [("a", 2), ("b", 2)]


def test_a_file_gives_back_what_was_measured(tmp_path):
    rows = with_summary([of_seed(0, texts([0.1, 1 / 3], items="some")), of_seed(1, 2.0)])
    write_scores(tmp_path / "s.parquet", rows)
    write_scores(tmp_path / "again.parquet", rows)
    assert (tmp_path / "s.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    frame = read_scores(tmp_path / "s.parquet")
    first, second, all_seeds = frame.to_dict("records")
    assert (first["items"], list(first["sums"]), list(first["counts"])) == ("some", [0.1, 1 / 3], [1, 1])
    assert math.isnan(second["low"]) and all_seeds["sums"] is None
    frame.drop(columns="items").to_parquet(tmp_path / "lacks.parquet")
    with pytest.raises(UserError, match="lacks.parquet: no column 'items'; expected the columns experiment, seed, "):
        read_scores(tmp_path / "lacks.parquet")


def test_cells_of_a_table():
    experiment, split, metric = NAMES
    rows = [of_seed(0, texts([1.0, 0.0, 1.0, 1.0], scale="share")), exact(experiment, 0, split, "size", 3)]
    found = summaries([*rows, score(experiment, 0, split, "last", 0.5)])
    ends = binomtest(3, 4).proportion_ci(method="exact")
    cells = found.cells("column", experiment, metric, split, 2)
    assert cells == {"column": "0.75", "column_low": f"{ends.low:.2f}", "column_high": f"{ends.high:.2f}"}
    for name, value in (("size", "3.00"), ("last", "0.50")):  # certain; one seed, and nothing else to tell
        assert list(found.cells("column", experiment, name, split, 2).values()) == [value, "", ""]
    with pytest.raises(UserError, match=r"scores.parquet: no score 'loss' \(validation\) of the experiment 'model'"):
        found.cells("column", experiment, metric)


@pytest.mark.parametrize("seeds", [1, 2])
def test_units_that_only_one_score_counts_weigh_as_much_as_in_that_score(seeds):
    """A mean of two scores of other units each has the margin of both in quadrature."""
    from relab.statistics import average, difference, paired_change

    values = np.random.default_rng(1).normal(size=40)
    first, second = (np.where(np.arange(40) % 2 == side, values, math.nan) for side in (0, 1))
    apart = math.hypot(half(values[::2]), half(values[1::2]))
    both = [texts(one, items="the same") for one in (first, second)]
    found = [of_seed(0, average(both)), of_seed(0, paired_change(*both))]
    found.append(of_seed(0, difference(*(dict.fromkeys(range(seeds), one) for one in both))))
    margins = [row["high"] - row["value"] for row in found]
    assert margins == pytest.approx([apart / 2, apart, apart], rel=0.05)  # but for degrees of freedom
