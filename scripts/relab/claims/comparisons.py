"""The kinds of comparison that decide a claim: what each expects, and what it comes to by the scores' intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relab.claims.scores import NoValue, Score, Scores, figures, listed, name_of
from relab.errors import UserError
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
    """What a comparison came to, with the figures that it was decided by."""

    holds: bool | None  #: None where the interval leaves it open
    text: str
    reason: str = ""

    @property
    def verdict(self) -> str:
        return UNDECIDED if self.holds is None else REPRODUCED if self.holds else CONTRADICTED


@dataclass(frozen=True)
class FactFound:
    """A fact with its figures."""

    text: str
    reason: str
    verdict: str = FACT


def _beyond(margin: float) -> str:
    return f"by more than {margin:g}, with the whole interval" if margin else "with the whole interval"


def _expect_near(test: Near) -> str:
    number = len(test.measures)
    # one that lies on the edge of the tolerance seems to lie within it in 2.5 % of cases
    several = f" (any of {number} will do, which errs in up to {2.5 * number:g} % of cases)" if number > 1 else ""
    measures = " or ".join(map(name_of, test.measures))
    return f"within {test.value} ± {test.tolerance:g}, with the whole interval: {measures}{several}"


def _near(test: Near, scores: Scores) -> Decision:
    candidates = [score for measure in test.measures for score in scores.find(measure).values()]
    lowest, highest = test.value - test.tolerance, test.value + test.tolerance
    sides = [_inside(score.found, lowest, highest) for score in candidates]
    holds = True if True in sides else None if None in sides else False
    shown = candidates[sides.index(holds)]
    if holds is not True:
        shown = min(candidates, key=lambda score: abs(score.found.value - test.value))
    return _decision(holds, [shown.found], str(shown))


def _inside(found: Estimate, lowest: float, highest: float) -> bool | None:
    """Whether an interval lies within a range; None where it holds an end of it."""
    if lowest <= found.low and found.high <= highest:
        return True
    return False if found.high < lowest or found.low > highest else None


def _expect_less(test: Less) -> str:
    return f"{name_of(test.lower)} below {name_of(test.higher)} {_beyond(test.margin)}"


def _less(test: Less, scores: Scores) -> Decision:
    return _differences(_aligned(scores, test.lower, test.higher), test.margin)


def _expect_between(test: Between) -> str:
    return f"{name_of(test.measure)} above {name_of(test.floor)} and below {name_of(test.ceiling)}, each {_beyond(test.margin)}"


def _between(test: Between, scores: Scores) -> Decision:
    triples = _aligned(scores, test.floor, test.measure, test.ceiling)
    return _differences([pair for floor, score, ceiling in triples for pair in ((floor, score), (score, ceiling))], test.margin)


def _expect_falls(test: Falls) -> str:
    return f"{name_of(test.measure)} falls from each step shown to the next, with the whole interval of the difference"


def _falls(test: Falls, scores: Scores) -> Decision:
    series = scores.series(test.measure).values()
    return _differences([(later, earlier) for steps in series for earlier, later in zip(steps, steps[1:], strict=False)])


def _expect_smallest_at(test: SmallestAt) -> str:
    return f"{name_of(test.measure)} is smaller at step {test.step} than at each other one shown, with the whole interval"


def _smallest_at(test: SmallestAt, scores: Scores) -> Decision:
    steps = scores.steps(test.measure)
    if test.step not in steps:
        raise NoValue(f"{name_of(test.measure)} is not scored at step {test.step}, but at {listed(steps)}")
    at = steps.index(test.step)
    series = scores.series(test.measure).values()
    return _differences([(one[at], other) for one in series for other in one if other is not one[at]])


def _expect_above(test: Above) -> str:
    return f"{name_of(test.measure)} above {test.value:g}, with the whole interval"


def _above(test: Above, scores: Scores) -> Decision:
    return _each(scores.find(test.measure).values(), lambda found: _side(found.low > test.value, found.high <= test.value))


def _expect_below(test: Below) -> str:
    return f"{name_of(test.measure)} below {test.value:g}, with the whole interval"


def _below(test: Below, scores: Scores) -> Decision:
    return _each(scores.find(test.measure).values(), lambda found: _side(found.high < test.value, found.low >= test.value))


def _expect_within(test: Within) -> str:
    return f"{name_of(test.measure)} within {test.value:g} ± {test.tolerance:g}, with the whole interval"


def _within(test: Within, scores: Scores) -> Decision:
    lowest, highest = test.value - test.tolerance, test.value + test.tolerance
    return _each(scores.find(test.measure).values(), lambda found: _inside(found, lowest, highest))


def _expect_always(test: Always) -> str:
    return f"{name_of(test.measure)} is {test.value:g} in every case that was measured; one exception contradicts it"


def _always(test: Always, scores: Scores) -> Decision:
    found = scores.find(test.measure).values()
    return Decision(_every(found, test.value), "; ".join(map(str, found)))


def _expect_sometimes(test: Sometimes) -> str:
    return f"{name_of(test.measure)} is another than {test.value:g} in at least one case that was measured"


def _sometimes(test: Sometimes, scores: Scores) -> Decision:
    found = scores.find(test.measure).values()
    return Decision(not _every(found, test.value), "; ".join(map(str, found)))


def _every(found: Iterable[Score], value: float) -> bool:
    """Whether each unit of each seed has the value."""
    return all(_cases(one, value) for score in found for one in score.seeds.values())


def _cases(one: Measurement, value: float) -> bool:
    """Whether each unit has the value."""
    counted = one.counts > 0
    return bool(np.allclose(one.sums[counted], value * one.counts[counted], rtol=0, atol=1e-9))


def _expect_fact(test: Fact) -> str:
    return f"{name_of(test.measure)}: a fact, which nothing could contradict"


def _fact(test: Fact, scores: Scores) -> FactFound:
    return FactFound("; ".join(map(str, scores.find(test.measure).values())), test.because)


def _side(right: bool, wrong: bool) -> bool | None:
    return True if right else False if wrong else None


def _each(scores: Iterable[Score], side: Callable[[Estimate], bool | None]) -> Decision:
    """Whether all scores lie on the right side."""
    scores = list(scores)
    return _decision(
        _all([side(score.found) for score in scores]), [score.found for score in scores], "; ".join(map(str, scores))
    )


def _differences(pairs: Sequence[tuple[Score, Score]], margin: float = 0.0) -> Decision:
    """Whether each first score lies below its second by more than a margin."""
    apart = [difference(higher.seeds, lower.seeds) for lower, higher in pairs]
    sides = [_side(found.low > margin, found.high <= margin) for found in apart]
    texts = [f"{lower}, {higher}: difference {figures(found)}" for (lower, higher), found in zip(pairs, apart, strict=True)]
    return _decision(_all(sides), apart, "; ".join(texts))


def _decision(holds: bool | None, found: Sequence[Estimate], text: str) -> Decision:
    if holds is not None:
        return Decision(holds, text)
    unknown = any(not one.known for one in found)
    return Decision(
        None, text, "one seed, and nothing else tells how far it may be off" if unknown else "the interval holds both"
    )


def _all(decided: Sequence[bool | None]) -> bool | None:
    """All of them: false where one is, else open where one is."""
    return False if False in decided else None if None in decided else True


def _aligned(scores: Scores, *measures: Measure) -> list[tuple[Score, ...]]:
    """The scores of several measures side by side where the rest of their experiments' names agrees.

    A measure of one experiment without a rest (a baseline, say) stands beside all of the others'.
    """
    found = [scores.find(measure) for measure in measures]
    several = [set(one) for one in found if set(one) != {""}]
    shared = sorted(set.intersection(*several)) if several else [""]
    if not shared:
        names = " and ".join(name_of(measure) for measure in measures)
        raise UserError(f"{scores.path}: {names} agree in none of their other settings")
    return [tuple(one[rest] if rest in one else one[""] for one in found) for rest in shared]


@dataclass(frozen=True)
class Compared:
    """A kind of comparison: what it expects in words, and what it comes to."""

    expect: Callable[[Any], str]
    decide: Callable[[Any, Scores], Decision | FactFound]


COMPARISONS: dict[type, Compared] = {
    Near: Compared(_expect_near, _near),
    Less: Compared(_expect_less, _less),
    Between: Compared(_expect_between, _between),
    Falls: Compared(_expect_falls, _falls),
    SmallestAt: Compared(_expect_smallest_at, _smallest_at),
    Above: Compared(_expect_above, _above),
    Below: Compared(_expect_below, _below),
    Within: Compared(_expect_within, _within),
    Always: Compared(_expect_always, _always),
    Sometimes: Compared(_expect_sometimes, _sometimes),
    Fact: Compared(_expect_fact, _fact),
}
