"""The kinds of comparison that decide a claim by the intervals of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relab.claims.scores import NoValue, Score, Scores, format_estimate, format_list, label
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

REPRODUCED, CONTRADICTED, UNDECIDED, FACT = "reproduced", "contradicted", "undecided", "fact"


@dataclass(frozen=True)
class Decision:
    """The outcome of a comparison, with the scores that decided it in words."""

    holds: bool | None  #: None where the interval holds both
    text: str
    reason: str = ""

    @property
    def verdict(self) -> str:
        return UNDECIDED if self.holds is None else REPRODUCED if self.holds else CONTRADICTED


@dataclass(frozen=True)
class FactDecision:
    """A fact with its scores in words."""

    text: str
    reason: str
    verdict: str = FACT


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
    lowest, highest = test.value - test.tolerance, test.value + test.tolerance
    sides = [_lies_within(score.estimate, lowest, highest) for score in candidates]
    holds = True if True in sides else None if None in sides else False
    shown = candidates[sides.index(holds)]
    if holds is not True:
        shown = min(candidates, key=lambda score: abs(score.estimate.value - test.value))
    return _decision(holds, [shown.estimate], str(shown))


def _lies_within(estimate: Estimate, lowest: float, highest: float) -> bool | None:
    """Whether an interval lies within a range; None where it holds one of its ends."""
    if lowest <= estimate.low and estimate.high <= highest:
        return True
    return False if estimate.high < lowest or estimate.low > highest else None


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
    return _decide_each(measured, lambda estimate: _satisfied(estimate.low > test.value, estimate.high <= test.value))


def _expect_below(test: Below) -> str:
    return f"{label(test.measure)} below {test.value:g}, with the whole interval"


def _below(test: Below, scores: Scores) -> Decision:
    measured = scores.find(test.measure).values()
    return _decide_each(measured, lambda estimate: _satisfied(estimate.high < test.value, estimate.low >= test.value))


def _expect_within(test: Within) -> str:
    return f"{label(test.measure)} within {test.value:g} ± {test.tolerance:g}, with the whole interval"


def _within(test: Within, scores: Scores) -> Decision:
    lowest, highest = test.value - test.tolerance, test.value + test.tolerance
    return _decide_each(scores.find(test.measure).values(), lambda estimate: _lies_within(estimate, lowest, highest))


def _expect_always(test: Always) -> str:
    return f"{label(test.measure)} is {test.value:g} in every case that was measured; one exception contradicts it"


def _always(test: Always, scores: Scores) -> Decision:
    measured = scores.find(test.measure).values()
    return Decision(_all_units_equal(measured, test.value), "; ".join(map(str, measured)))


def _expect_sometimes(test: Sometimes) -> str:
    return f"{label(test.measure)} is another than {test.value:g} in at least one case that was measured"


def _sometimes(test: Sometimes, scores: Scores) -> Decision:
    measured = scores.find(test.measure).values()
    return Decision(not _all_units_equal(measured, test.value), "; ".join(map(str, measured)))


def _all_units_equal(scores: Iterable[Score], value: float) -> bool:
    """Whether every unit of every seed has the value."""
    return all(_units_equal(measurement, value) for score in scores for measurement in score.seeds.values())


def _units_equal(measurement: Measurement, value: float) -> bool:
    """Whether every unit has the value."""
    counted = measurement.counts > 0
    return bool(np.allclose(measurement.sums[counted], value * measurement.counts[counted], rtol=0, atol=1e-9))


def _expect_fact(test: Fact) -> str:
    return f"{label(test.measure)}: a fact, which nothing could contradict"


def _fact(test: Fact, scores: Scores) -> FactDecision:
    return FactDecision("; ".join(map(str, scores.find(test.measure).values())), test.because)


def _satisfied(holds: bool, fails: bool) -> bool | None:
    """True where a condition holds, False where its opposite does, None where neither does."""
    return True if holds else False if fails else None


def _decide_each(scores: Iterable[Score], condition: Callable[[Estimate], bool | None]) -> Decision:
    """Decide whether all scores satisfy a condition on their intervals."""
    scores = list(scores)
    estimates = [score.estimate for score in scores]
    return _decision(_all_satisfied([condition(estimate) for estimate in estimates]), estimates, "; ".join(map(str, scores)))


def _decide_differences(pairs: Sequence[tuple[Score, Score]], margin: float = 0.0) -> Decision:
    """Decide whether the first score of each pair lies below the second by more than a margin."""
    differences = [difference(higher.seeds, lower.seeds) for lower, higher in pairs]
    holds = _all_satisfied([_satisfied(estimate.low > margin, estimate.high <= margin) for estimate in differences])
    texts = [
        f"{lower}, {higher}: difference {format_estimate(estimate)}"
        for (lower, higher), estimate in zip(pairs, differences, strict=True)
    ]
    return _decision(holds, differences, "; ".join(texts))


def _decision(holds: bool | None, estimates: Sequence[Estimate], text: str) -> Decision:
    if holds is not None:
        return Decision(holds, text)
    unknown = any(not estimate.has_interval for estimate in estimates)
    return Decision(
        None, text, "one seed, and nothing else tells how far it may be off" if unknown else "the interval holds both"
    )


def _all_satisfied(decided: Sequence[bool | None]) -> bool | None:
    """False where any condition is violated, else None where any is undecided, else True."""
    return False if False in decided else None if None in decided else True


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
    decide: Callable[[Any, Scores], Decision | FactDecision]


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
