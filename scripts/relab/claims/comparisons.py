"""The kinds of comparison that decide a claim by the intervals of scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relab.claims.scores import NoValue, Score, Scores, format_estimate, format_list, label
from relab.claims.verdicts import CONTRADICTED, FACT, REPRODUCED, UNDECIDED
from relab.settings.claims import (
    Above,
    Always,
    Below,
    Between,
    Fact,
    Falls,
    Less,
    Measure,
    Near,
    SmallestAt,
    Sometimes,
    Within,
)
from relab.statistics import Estimate, Measurement, difference

SCORE, DIFFERENCE = "score", "difference"


@dataclass(frozen=True)
class Range:
    """Where the interval of a score or difference must lie as a whole."""

    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def around(cls, test: Near | Within) -> Range:
        """A value and its tolerance."""
        return cls(test.value - test.tolerance, test.value + test.tolerance)

    def holds(self, estimate: Estimate) -> bool | None:
        """Whether an interval lies within; None where it holds an end. Of two ends both are within, a single one is not."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            inside, outside = (
                self.low <= estimate.low and estimate.high <= self.high,
                estimate.high < self.low or estimate.low > self.high,
            )
        elif math.isfinite(self.low):
            inside, outside = estimate.low > self.low, estimate.high <= self.low
        else:
            inside, outside = estimate.high < self.high, estimate.low >= self.high
        return True if inside else False if outside else None

    def room(self, estimate: Estimate) -> float:
        """How far a value lies from the nearer end, negative outside."""
        return min(estimate.value - self.low, self.high - estimate.value)


@dataclass(frozen=True)
class Quantity:
    """What decided a claim, as numbers: an estimate, where it should lie, and of how many scores or differences it is one."""

    estimate: Estimate
    range: Range | None
    kind: str = SCORE
    number: int = 1


@dataclass(frozen=True)
class Decision:
    """The outcome of a comparison, with the scores that decided it in words, and the one that decided it as a number."""

    verdict: str
    text: str
    quantity: Quantity
    reason: str = ""


def _beyond(margin: float) -> str:
    return f"by more than {margin:g}, with the whole interval" if margin else "with the whole interval"


def _expect_near(test: Near) -> str:
    number = len(test.measures)
    # one that lies on the edge of the tolerance seems to lie within it in 2.5 % of cases
    several = f" (any of {number} will do, which errs in up to {2.5 * number:g} % of cases)" if number > 1 else ""
    measures = " or ".join(map(label, test.measures))
    return f"within {test.value} ± {test.tolerance:g}, with the whole interval: {measures}{several}"


def _near(test: Near, scores: Scores) -> Decision:
    candidates = [score for measure in test.measures for score in scores.find(measure).values()]
    expected = Range.around(test)
    outcomes = [expected.holds(score.estimate) for score in candidates]
    holds = True if True in outcomes else None if None in outcomes else False
    shown = candidates[outcomes.index(holds)]
    if holds is not True:
        shown = max(candidates, key=lambda score: expected.room(score.estimate))
    return _decision(holds, str(shown), Quantity(shown.estimate, expected, SCORE, len(candidates)))


def _expect_less(test: Less) -> str:
    return f"{label(test.lower)} below {label(test.higher)} {_beyond(test.margin)}"


def _less(test: Less, scores: Scores) -> Decision:
    return _decide_differences(_aligned_scores(scores, test.lower, test.higher), test.margin)


def _expect_between(test: Between) -> str:
    return f"{label(test.measure)} above {label(test.floor)} and below {label(test.ceiling)}, each {_beyond(test.margin)}"


def _between(test: Between, scores: Scores) -> Decision:
    triples = _aligned_scores(scores, test.floor, test.measure, test.ceiling)
    pairs = [pair for floor, score, ceiling in triples for pair in ((floor, score), (score, ceiling))]
    return _decide_differences(pairs, test.margin)


def _expect_falls(test: Falls) -> str:
    return f"{label(test.measure)} falls from each step shown to the next, with the whole interval of the difference"


def _falls(test: Falls, scores: Scores) -> Decision:
    series = scores.series(test.measure).values()
    return _decide_differences([(later, earlier) for steps in series for earlier, later in zip(steps, steps[1:], strict=False)])


def _expect_smallest_at(test: SmallestAt) -> str:
    return f"{label(test.measure)} is smaller at step {test.step} than at each other one shown, with the whole interval"


def _smallest_at(test: SmallestAt, scores: Scores) -> Decision:
    steps = scores.steps(test.measure)
    if test.step not in steps:
        raise NoValue(f"{label(test.measure)} is not scored at step {test.step}, but at {format_list(steps)}")
    index, pairs = steps.index(test.step), []
    for series in scores.series(test.measure).values():
        pairs += [(series[index], score) for score in series if score is not series[index]]
    return _decide_differences(pairs)


def _expect_above(test: Above) -> str:
    return f"{label(test.measure)} above {test.value:g}, with the whole interval"


def _above(test: Above, scores: Scores) -> Decision:
    measured = scores.find(test.measure).values()
    return _decide_each(measured, Range(low=test.value))


def _expect_below(test: Below) -> str:
    return f"{label(test.measure)} below {test.value:g}, with the whole interval"


def _below(test: Below, scores: Scores) -> Decision:
    measured = scores.find(test.measure).values()
    return _decide_each(measured, Range(high=test.value))


def _expect_within(test: Within) -> str:
    return f"{label(test.measure)} within {test.value:g} ± {test.tolerance:g}, with the whole interval"


def _within(test: Within, scores: Scores) -> Decision:
    return _decide_each(scores.find(test.measure).values(), Range.around(test))


def _expect_always(test: Always) -> str:
    return f"{label(test.measure)} is {test.value:g} in every case that was measured; one exception contradicts it"


def _always(test: Always, scores: Scores) -> Decision:
    measured = list(scores.find(test.measure).values())
    return _decide_by_cases(measured, _all_units_equal(measured, test.value), Range(test.value, test.value))


def _expect_sometimes(test: Sometimes) -> str:
    return f"{label(test.measure)} is another than {test.value:g} in at least one case that was measured"


def _sometimes(test: Sometimes, scores: Scores) -> Decision:
    measured = list(scores.find(test.measure).values())
    return _decide_by_cases(measured, not _all_units_equal(measured, test.value), None)


def _decide_by_cases(scores: Sequence[Score], holds: bool, expected: Range | None) -> Decision:
    """Decide by single cases, which no interval is needed for."""
    return _decision(holds, "; ".join(map(str, scores)), Quantity(scores[0].estimate, expected, SCORE, len(scores)))


def _all_units_equal(scores: Iterable[Score], value: float) -> bool:
    """Whether every unit of every seed has the value."""
    return all(_units_equal(measurement, value) for score in scores for measurement in score.seeds.values())


def _units_equal(measurement: Measurement, value: float) -> bool:
    """Whether every unit has the value."""
    counted = measurement.counts > 0
    return bool(np.allclose(measurement.sums[counted], value * measurement.counts[counted], rtol=0, atol=1e-9))


def _expect_fact(test: Fact) -> str:
    return f"{label(test.measure)}: a fact, which nothing could contradict"


def _fact(test: Fact, scores: Scores) -> Decision:
    measured = list(scores.find(test.measure).values())
    quantity = Quantity(measured[0].estimate, None, SCORE, len(measured))
    return Decision(FACT, "; ".join(map(str, measured)), quantity, test.because)


def _decide_each(scores: Iterable[Score], expected: Range) -> Decision:
    """Decide whether the intervals of all scores lie in a range."""
    scores = list(scores)
    return _decide_all([score.estimate for score in scores], expected, SCORE, "; ".join(map(str, scores)))


def _decide_differences(pairs: Sequence[tuple[Score, Score]], margin: float = 0.0) -> Decision:
    """Decide whether the first score of each pair lies below the second by more than a margin."""
    differences = [difference(higher.seeds, lower.seeds) for lower, higher in pairs]
    texts = [
        f"{lower}, {higher}: difference {format_estimate(estimate)}"
        for (lower, higher), estimate in zip(pairs, differences, strict=True)
    ]
    return _decide_all(differences, Range(low=margin), DIFFERENCE, "; ".join(texts))


def _decide_all(estimates: Sequence[Estimate], expected: Range, kind: str, text: str) -> Decision:
    """Decide whether all intervals lie in a range: False where any is outside, else None where any is undecided, else True.

    What decided is the one of that outcome that lies farthest out.
    """
    outcomes = [expected.holds(estimate) for estimate in estimates]
    holds = False if False in outcomes else None if None in outcomes else True
    decisive = [estimate for estimate, outcome in zip(estimates, outcomes, strict=True) if outcome is holds]
    return _decision(holds, text, Quantity(min(decisive, key=expected.room), expected, kind, len(estimates)), estimates)


def _decision(holds: bool | None, text: str, quantity: Quantity, estimates: Sequence[Estimate] = ()) -> Decision:
    if holds is not None:
        return Decision(REPRODUCED if holds else CONTRADICTED, text, quantity)
    unknown = any(not estimate.has_interval for estimate in estimates or [quantity.estimate])
    reason = "one seed, and nothing else tells how far it may be off" if unknown else "the interval holds both"
    return Decision(UNDECIDED, text, quantity, reason)


def _aligned_scores(scores: Scores, *measures: Measure) -> list[tuple[Score, ...]]:
    """Match the scores of several measures by the part of their experiments' names that follows the measures' own.

    A measure of a single experiment, such as a baseline, is matched with all experiments of the others.
    """
    by_measure = [scores.find(measure) for measure in measures]
    suffixes = [set(by_suffix) for by_suffix in by_measure if set(by_suffix) != {""}]
    shared = sorted(set.intersection(*suffixes)) if suffixes else [""]
    if not shared:
        names = " and ".join(map(label, measures))
        raise NoValue(f"{names} agree in none of their other settings")
    return [tuple(by_suffix.get(suffix) or by_suffix[""] for by_suffix in by_measure) for suffix in shared]


@dataclass(frozen=True)
class Comparison:
    """A kind of comparison: its expectation in words, and its decision by scores."""

    expect: Callable[[Any], str]
    decide: Callable[[Any, Scores], Decision]


COMPARISONS: dict[type, Comparison] = {
    Near: Comparison(_expect_near, _near),
    Less: Comparison(_expect_less, _less),
    Between: Comparison(_expect_between, _between),
    Falls: Comparison(_expect_falls, _falls),
    SmallestAt: Comparison(_expect_smallest_at, _smallest_at),
    Above: Comparison(_expect_above, _above),
    Below: Comparison(_expect_below, _below),
    Within: Comparison(_expect_within, _within),
    Always: Comparison(_expect_always, _always),
    Sometimes: Comparison(_expect_sometimes, _sometimes),
    Fact: Comparison(_expect_fact, _fact),
}
