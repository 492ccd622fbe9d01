"""The kinds of comparison: what intervals and single cases decide, and what they leave undecided."""

import numpy as np
import pytest
from support.claims import CLAIMS, ITEMS, LESS, rows, series, verdict

from relab.claims.ledger import ledger
from relab.claims.verdicts import CONTRADICTED, NOT_COMPARABLE, REPRODUCED, UNDECIDED
from relab.scores import score
from relab.settings.claims import Claim
from relab.statistics import Estimate, Measurement

LOWER, HIGHER = LESS.comparison.lower, LESS.comparison.higher


@pytest.mark.parametrize(
    ("difference", "noise", "expected"),
    [
        (0.2, 0.0, REPRODUCED),
        (0.2, 0.1, REPRODUCED),
        (0.2, 0.2, UNDECIDED),
        (0.05, 0.2, UNDECIDED),
        (0.05, 0.04, CONTRADICTED),
        (-0.2, 0.2, CONTRADICTED),
    ],
)
def test_a_difference_is_decided_with_the_whole_interval_only(difference, noise, expected):
    # the margin is 0.1; of two times 16 units of the noise 0.2 a difference of 0.1 may be chance, 2.13 * 0.2 * (2 / 16) ** 0.5
    found = verdict(LESS, rows(LOWER, 1.0, noise) + rows(HIGHER, 1.0 + difference, noise))
    assert found["verdict"] == expected
    assert (found["reason"] == "the interval holds both") == (expected == UNDECIDED)
    assert f"difference {difference:.4f} [" in found["found"]


def test_the_ledger_holds_the_numbers_that_decided():
    found = verdict(LESS, rows(LOWER, 1.0, 0.1) + rows(HIGHER, 1.2, 0.1))
    assert (found["quantity"], found["quantities"], found["reported"]) == ("difference", "1", "")
    assert (found["claimed_low"], found["claimed_high"]) == ("0.1", "")
    low, value, high = (float(found[column]) for column in ("low", "estimate", "high"))
    assert value == pytest.approx(0.2) and high - value == pytest.approx(value - low) and low > 0.1
    assert f"difference {value:.4f} [{low:.4f}, {high:.4f}]" in found["found"]


@pytest.mark.parametrize(("last", "outcome", "decisive"), [(2.4, REPRODUCED, "0.1"), (2.6, CONTRADICTED, "-0.1")])
def test_of_several_differences_the_ledger_holds_the_one_that_decided(last, outcome, decisive):
    claim = next(claim for claim in CLAIMS.values() if claim.comparison.kind == "falls")
    found = verdict(claim, series(claim.comparison.measure, {1: 3.0, 2: 2.5, 3: last}))
    assert (found["verdict"], found["estimate"], found["quantities"]) == (outcome, decisive, "2")


def test_of_a_reported_value_the_ledger_holds_it_and_its_tolerance():
    claim = CLAIMS["A2-loss-w32-100"]
    found = verdict(claim, [row for one in claim.comparison.measures for row in rows(one, 2.95)])
    assert [found[name] for name in ("reported", "claimed_low", "claimed_high")] == ["2.9188", "2.8188", "3.0188"]
    assert (found["quantity"], found["quantities"]) == ("score", "2")


def test_of_a_difference_the_ledger_holds_that_of_two_reported_figures():
    claim = CLAIMS["D5-rises-divide"]
    found = verdict(claim, rows(claim.comparison.measure, 3.0))
    assert (found["reported"], found["claimed_low"], found["verdict"]) == ("16.83", "0", REPRODUCED)
    assert verdict(claim.model_copy(update={"reported": []}), rows(claim.comparison.measure, 3.0)) == {**found, "reported": ""}
    assert CLAIMS["D5-falls-ignore"].reported_value == pytest.approx(21.37 - 38.7)


def test_the_same_units_are_compared_one_by_one():
    """What makes a prompt hard makes it hard for both: noise that both share decides nothing."""
    shared = np.random.default_rng(0).normal(size=ITEMS)

    def of(measure, values, items):
        return [score(measure.experiment, 0, measure.split, measure.metric, Measurement.of(values, "prompt", items))]

    for items, expected in (("same", REPRODUCED), ("", UNDECIDED)):
        assert verdict(LESS, of(LOWER, shared, items) + of(HIGHER, shared + 0.2, items))["verdict"] == expected


def test_two_seeds_that_agree_do_not_make_a_claim_sure():
    """0.021 and 0.022, each -0.3 to 0.35 over its prompts: one seed alone does not show that it is above 0, nor do both."""
    claim = sided("above", 0.0)
    both = rows(claim.comparison.measure, 0.0215, noise=0.6, spread=0.0007)
    assert verdict(claim, both[:1])["verdict"] == verdict(claim, both)["verdict"] == UNDECIDED


def test_seeds_alone_decide_by_their_t_interval():
    """0.12 ± 0.07 (standard deviation, two seeds) below 0.2 says nothing: t at one degree of freedom is 12.7."""
    claim = sided("below", 0.2)
    measure = claim.comparison.measure
    values = [score(measure.experiment, seed, measure.split, measure.metric, value) for seed, value in enumerate((0.07, 0.17))]
    assert verdict(claim, values)["verdict"] == UNDECIDED
    near = [score(measure.experiment, seed, measure.split, measure.metric, value) for seed, value in enumerate((0.119, 0.121))]
    assert verdict(claim, near)["verdict"] == REPRODUCED


def test_one_seed_without_units_decides_nothing():
    alone = [score("c/width 128", 0, "validation", "loss", 1.0), score("c/width 32", 0, "validation", "loss", 1.2)]
    found = verdict(LESS, alone)
    assert found["verdict"] == UNDECIDED
    assert found["reason"] == "one seed, and nothing else tells how far it may be off"
    assert found["found"].startswith("1.0000 [no interval] (c/width 128, loss, validation, 1 seed), 1.2000 [no interval]")


def test_near_wants_the_whole_interval_within_the_tolerance():
    """0.30 ± 0.79 is not 0.92 ± 0.01: a wide interval never makes near what is far, nor sure what is near."""
    claim = CLAIMS["A2-loss-w32-100"]
    (validation, train), value = claim.comparison.measures, claim.comparison.value
    far = rows(train, value + 1)
    assert verdict(claim, far + rows(validation, value + 0.15))["verdict"] == CONTRADICTED
    assert verdict(claim, far + rows(validation, value + 0.15, noise=0.2))["verdict"] == UNDECIDED
    assert verdict(claim, far + rows(validation, value, noise=5.0))["verdict"] == UNDECIDED
    assert verdict(claim, far + rows(validation, value, noise=0.05))["verdict"] == REPRODUCED
    # either of the two losses will do, and what that does to errors is said
    found = verdict(claim, rows(validation, value + 1) + rows(train, value))
    assert found["verdict"] == REPRODUCED and "any of 2 will do, which errs in up to 5 % of cases" in found["expected"]


def test_one_exception_contradicts_what_is_always_so():
    claim = CLAIMS["B2-beams-likelier-always"]
    measure = claim.comparison.measure

    def of(values):
        return [score(measure.experiment, 0, measure.split, measure.metric, Measurement.of(values, "prompt", scale="share"))]

    assert verdict(claim, of([1.0] * 16))["verdict"] == REPRODUCED
    assert verdict(claim, of([1.0] * 15 + [0.0]))["verdict"] == CONTRADICTED


def sided(kind: str, value: float = 0.5) -> Claim:
    measure = {"experiment": "arguments/greedy", "metric": "repeated 4-grams", "split": "texts"}
    comparison = {"kind": kind, "value": value, "measure": measure} | ({"tolerance": 0.1} if kind == "within" else {})
    return Claim.model_validate({"row": "A5", "writeup": "char_gpt", "says": kind, "source": "here", "comparison": comparison})


def one_seed(value: float, low: float, high: float, rest: str = "") -> list[dict]:
    found = Estimate(value, low, high, 54, "prompt", 1)
    return [score("arguments/greedy" + rest, 7, "texts", "repeated 4-grams", found)]


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.6, 0.8, REPRODUCED, CONTRADICTED),
        (0.2, 0.4, CONTRADICTED, REPRODUCED),
        (0.4, 0.6, UNDECIDED, UNDECIDED),
        # an interval that ends at the value does not lie beyond it
        (0.3, 0.5, CONTRADICTED, UNDECIDED),
        (0.5, 0.7, UNDECIDED, CONTRADICTED),
        # neither does what is known to be the value itself
        (0.5, 0.5, CONTRADICTED, CONTRADICTED),
    ],
)
def test_the_interval_decides_on_which_side_of_a_value_a_score_lies(low, high, above, below):
    for kind, expected in (("above", above), ("below", below)):
        found = verdict(sided(kind), one_seed((low + high) / 2, low, high))
        assert found["verdict"] == expected
        figures = f"[{low:.4f}, {high:.4f}] (arguments/greedy, repeated 4-grams, texts, 1 seed, n = 54 prompts)"
        assert figures in found["found"]
        assert (found["reason"] == "the interval holds both") == (expected == UNDECIDED)
        assert f"{kind} 0.5, with the whole interval" in found["expected"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.45, 0.55, REPRODUCED),
        (0.4, 0.6, REPRODUCED),
        (0.41, 0.61, UNDECIDED),
        (0.2, 0.9, UNDECIDED),
        (0.3, 0.39, CONTRADICTED),
        (0.61, 0.9, CONTRADICTED),
    ],
)
def test_what_is_called_equal_lies_in_its_range_with_the_whole_interval(low, high, expected):
    found = verdict(sided("within"), one_seed((low + high) / 2, low, high))
    assert found["verdict"] == expected
    assert f"[{low:.4f}, {high:.4f}]" in found["found"]
    assert "within 0.5 ± 0.1, with the whole interval" in found["expected"]


def test_few_units_are_said():
    few = Estimate(0.7, 0.6, 0.8, 8, "prompt", 1)
    found = verdict(sided("above"), [score("arguments/greedy", 0, "texts", "repeated 4-grams", few)])
    assert "n = 8 prompts, fewer than 20: rough" in found["found"]


def test_every_experiment_of_a_measure_must_lie_on_the_right_side():
    right, wrong = one_seed(0.7, 0.6, 0.8), one_seed(0.3, 0.2, 0.4, rest=", other")
    open_ = one_seed(0.5, 0.4, 0.6, rest=", third")
    assert verdict(sided("above"), right + wrong + open_)["verdict"] == CONTRADICTED
    assert verdict(sided("above"), right + open_)["verdict"] == UNDECIDED
    assert verdict(sided("above", 0.1), right + wrong + open_)["verdict"] == REPRODUCED


def test_a_seed_without_a_value_is_no_second_seed():
    nan = float("nan")
    assert verdict(sided("above"), one_seed(0.7, nan, nan))["verdict"] == UNDECIDED
    lost = [score("arguments/greedy", 8, "texts", "repeated 4-grams", nan)]
    kept = [score("arguments/greedy", 7, "texts", "repeated 4-grams", Measurement.of([0.7] * 8, "prompt"))]
    found = verdict(sided("above"), lost + kept)
    assert found["verdict"] == REPRODUCED and "1 seed, n = 8 prompts" in found["found"]


def test_experiments_are_compared_where_their_other_settings_agree():
    both = [row for rest in (", batch 32", ", batch 256") for row in rows(LOWER, 1.0, rest=rest) + rows(HIGHER, 1.2, rest=rest)]
    assert verdict(LESS, both)["verdict"] == REPRODUCED
    worse = rows(LOWER, 1.0, rest=", batch 32") + rows(LOWER, 1.0, rest=", batch 256")
    worse += rows(HIGHER, 1.2, rest=", batch 32") + rows(HIGHER, 1.05, rest=", batch 256")
    assert verdict(LESS, worse)["verdict"] == CONTRADICTED
    assert "width 32, batch 256" in verdict(LESS, worse)["found"]
    apart = verdict(LESS, rows(LOWER, 1.0, rest=", batch 32") + rows(HIGHER, 1.2, rest=", batch 256"))
    assert apart["verdict"] == NOT_COMPARABLE and "agree in none of their other settings" in apart["reason"]


def test_a_name_that_merely_begins_alike_is_another_experiment():
    alike = verdict(LESS, rows(LOWER, 1.0) + rows(HIGHER, 1.2, rest="0"))
    assert alike["verdict"] == NOT_COMPARABLE and "of c/width 32" in alike["reason"]


def test_one_reference_stands_beside_all_experiments():
    claim = CLAIMS["A2-resembles"]
    test = claim.comparison
    fits = [row for rest in (", batch 32", ", batch 256") for row in rows(test.measure, 0.5, rest=rest)]
    references = rows(test.floor, 0.2) + rows(test.ceiling, 0.9)
    assert verdict(claim, fits + references)["verdict"] == REPRODUCED
    assert verdict(claim, fits + rows(test.measure, 0.95, rest=", batch 64") + references)["verdict"] == CONTRADICTED


def test_text_as_real_as_the_floor_or_beyond_the_ceiling_contradicts():
    claim = CLAIMS["A3-resembles"]
    for middle in (0.2, 0.24, 0.88, 0.95):
        given = rows(claim.comparison.floor, 0.2) + rows(claim.comparison.measure, middle) + rows(claim.comparison.ceiling, 0.9)
        assert verdict(claim, given)["verdict"] == CONTRADICTED


def test_a_claim_on_what_no_row_computes_is_not_comparable_and_says_of_what():
    row = verdict(LESS, rows(HIGHER, 1.2))
    assert row["verdict"] == NOT_COMPARABLE and row["found"] == ""
    assert row["reason"] == "no row of this run computes loss (validation) of c/width 128"
    (reason,) = ledger({"it": LESS}, {}, {})["reason"]
    assert reason == "this run has no scores of char_gpt"


def test_a_score_without_a_value_decides_nothing():
    row = verdict(LESS, rows(HIGHER, 1.2) + [score("c/width 128", 0, "validation", "loss", float("nan"))])
    assert row["verdict"] == NOT_COMPARABLE
    assert row["reason"] == "loss (validation) of c/width 128 has no value here"


def test_one_step_shows_no_fall():
    claim = CLAIMS["A2-falls-w32"]
    row = verdict(claim, series(claim.comparison.measure, {1: 3.0}))
    assert (row["verdict"], row["reason"]) == (
        NOT_COMPARABLE,
        "loss of italian/width 32 (validation) is scored at one step only",
    )
