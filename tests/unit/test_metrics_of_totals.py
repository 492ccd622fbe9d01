"""Scores that are functions of sums over units, such as BLEU, have intervals that cover what they say."""

import math

import numpy as np
import pytest

from relab.statistics import Measurement, difference, estimate, paired_change, randomisation_p

ROUNDS = 400


def score(totals) -> float:
    """The geometric mean of two precisions, times a penalty for what is short: BLEU of two orders."""
    first, second, possible, length, expected = totals
    return math.sqrt(first * second) / possible * math.exp(min(0.0, 1 - expected / length))


def drawn(random, units: int, ability: float = 0.6, length: float = 0.9) -> np.ndarray:
    """Sums of some units of different lengths, some of them harder than others."""
    possible = random.integers(5, 30, units)
    chance = np.clip(random.normal(ability, 0.15, units), 0.05, 0.95)
    first, second = random.binomial(possible, chance), random.binomial(possible, chance / 2)
    return np.stack([first, second, possible, possible * length, possible], 1).astype(float)


def measured(table, items: str = "") -> Measurement:
    return Measurement.of_totals(table, score, "pair", items, "share")


@pytest.mark.parametrize("units", [16, 60])
def test_the_interval_covers_the_score_of_endless_units(units):
    random = np.random.default_rng(units)
    truth = score(drawn(random, 200_000).sum(0))
    found = [estimate({0: measured(drawn(random, units))}) for _ in range(ROUNDS)]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.98


@pytest.mark.parametrize("units", [16, 60])
def test_equal_systems_are_told_apart_in_five_of_a_hundred_cases_at_most(units):
    random = np.random.default_rng(units)
    pairs = [[measured(drawn(random, units), "same") for _ in range(2)] for _ in range(ROUNDS)]
    found = [difference({0: first}, {0: second}) for first, second in pairs]
    assert np.mean([not one.low <= 0 <= one.high for one in found]) <= 0.05 + 3 * (0.05 * 0.95 / ROUNDS) ** 0.5


def test_the_value_is_the_function_of_all_units_and_not_the_mean_of_each():
    table = drawn(np.random.default_rng(0), 40)
    found = measured(table)
    assert found.value == pytest.approx(score(table.sum(0)))
    assert found.value != pytest.approx(np.mean([score(row) for row in table]), abs=1e-3)
    assert (found.n, found.unit, found.scale) == (40, "pair", "share")


def test_a_ratio_of_sums_has_the_interval_that_the_ratio_has():
    sums, counts = np.random.default_rng(1).integers(1, 40, (2, 300)).astype(float)
    ratio = Measurement(sums, counts, "pair")
    of_totals = Measurement.of_totals(np.stack([sums, counts], 1), lambda totals: totals[0] / totals[1], "pair")
    assert estimate({0: of_totals})[:4] == pytest.approx(estimate({0: ratio})[:4], rel=0.01)


def test_a_mean_has_exactly_the_interval_of_a_mean():
    values = np.random.default_rng(2).normal(3, 1, 9)
    table = np.stack([values, np.ones(9)], 1)
    of_totals = Measurement.of_totals(table, lambda totals: totals[0] / max(totals[1], 1), "pair")
    assert estimate({0: of_totals})[:4] == pytest.approx(estimate({0: Measurement.of(values, "pair")})[:4])


def test_the_interval_is_that_of_resampling_where_there_are_many_units():
    random = np.random.default_rng(3)
    table = drawn(random, 400)
    found = estimate({0: measured(table)})
    resampled = [score(table[random.integers(0, 400, 400)].sum(0)) for _ in range(3000)]
    assert [found.low, found.high] == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.004)


def test_a_system_differs_from_itself_by_nothing_and_from_a_better_one_surely():
    random = np.random.default_rng(4)
    table = drawn(random, 50)
    better = table + np.array([0, 1, 0, 0, 0])  # one more match in each unit: much less than units differ
    itself = difference({0: measured(table, "same")}, {0: measured(table, "same")})
    assert itself[:3] == (0, 0, 0)
    paired = difference({0: measured(better, "same")}, {0: measured(table, "same")})
    unpaired = difference({0: measured(better)}, {0: measured(table)})
    assert paired.low > 0 and unpaired.low < 0 < unpaired.high
    change = paired_change(measured(table, "same"), measured(better, "same"))
    assert change.value == pytest.approx(paired.value)
    assert randomisation_p(change.sums) < 0.001


def test_one_unit_has_a_value_and_no_interval():
    table = drawn(np.random.default_rng(5), 1)
    found = estimate({0: Measurement.of_totals(table, lambda totals: score(totals) if totals[2] else 0.0, "pair")})
    assert found.value == pytest.approx(score(table[0])) and math.isnan(found.low)
