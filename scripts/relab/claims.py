"""The ledger: each claim of the write-ups scored against what this run found.

A claim's conditions on the settings come first: where one fails the verdict is ``not comparable`` and no score is read.
Then its comparison decides. Means are over seeds; a difference is decided only beyond the spread, the standard deviations of
both means' seeds added in quadrature (none is known where there is one seed, and the ledger says how many there are). Within
the spread nothing is decided, one way or the other: the verdict is ``not comparable`` too, with the figures as its reason.

Where a measure is compared with a value (above, below) or a range (within) one seed is enough: what decides is then the score's
own bootstrap interval, over the texts or prompts that it was measured on. The value, or an end of the range, may not lie within
the interval; an interval that ends at the value does not lie beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from relab.errors import UserError
from relab.scores import ALL, read_scores
from relab.settings.claims import Above, Below, Between, Claim, Falls, Less, Measure, Near, Predicate, SmallestAt, Within

REPRODUCED, CONTRADICTED, NOT_COMPARABLE = "reproduced", "contradicted", "not comparable"

COLUMNS = ["claim", "row", "says", "expected", "found", "verdict", "reason", "source"]


class NoValue(Exception):
    """A score is there but has no value: nothing could be counted, or a training diverged."""


@dataclass(frozen=True)
class Score:
    """A mean over ``n`` seeds with their standard deviation (0 where it is not known)."""

    experiment: str
    metric: str
    split: str
    value: float
    deviation: float
    n: int

    def __str__(self) -> str:
        spread = f" ± {self.deviation:.4f}" if self.n > 1 else ""
        seeds = "1 seed" if self.n == 1 else f"{self.n} seeds"
        return f"{self.value:.4f}{spread} ({self.experiment}, {self.metric}, {self.split}, {seeds})"


@dataclass(frozen=True)
class Interval:
    """Where a score lies: the mean over several seeds -/+ their standard deviation, or one seed's bootstrap interval."""

    score: Score
    low: float
    high: float
    #: Observations behind a bootstrap interval; 0 where it is one over seeds.
    counted: int = 0

    def __str__(self) -> str:
        if not self.counted:
            return str(self.score)
        return f"{self.score}, 95 % bootstrap interval {self.low:.4f} to {self.high:.4f}, n = {self.counted}"


class Scores:
    """The scores of one write-up: their summaries, and those of the single seeds."""

    def __init__(self, frame: pd.DataFrame, place: str):
        self.place = place
        self.frame = frame[frame["seed"] == ALL]
        self.seeds = frame[frame["seed"] != ALL]

    def find(self, measure: Measure) -> dict[str, Score]:
        """The scores that a measure stands for, by what follows the measure's experiment in their own (often nothing).

        Raises:
            UserError: where there is none.
            NoValue: where one has no value.
        """
        metric = self._metric(measure)
        rows = self._experiments(measure)
        found = {}
        for row in rows[rows["metric"] == metric].itertuples():
            if math.isnan(row.value):
                raise NoValue(f"{metric} ({row.split}) of {row.experiment} has no value here (counted: {row.n})")
            deviation = 0.0 if math.isnan(row.high) else row.high - row.value
            rest = row.experiment.removeprefix(measure.experiment)
            found[rest] = Score(row.experiment, metric, row.split, row.value, deviation, row.n)
        return found or self._nothing(measure, metric)

    def intervals(self, measure: Measure) -> list[Interval]:
        """Where each of the scores lies that a measure stands for.

        Raises:
            NoValue: where there is one seed and it has no interval (one text or prompt, say).
        """
        return [self._interval(score) for score in self.find(measure).values()]

    def _interval(self, score: Score) -> Interval:
        if score.n > 1:
            return Interval(score, score.value - score.deviation, score.value + score.deviation)
        own = self.seeds[["experiment", "metric", "split"]].eq([score.experiment, score.metric, score.split]).all(axis=1)
        row = self.seeds[own].dropna(subset="value").iloc[0]
        if math.isnan(row["low"]) or math.isnan(row["high"]):
            raise NoValue(f"one seed and no interval (counted: {row['n']}): {score}")
        return Interval(score, row["low"], row["high"], int(row["n"]))

    def _metric(self, measure: Measure) -> str:
        if measure.step is None:
            return measure.metric
        ends = {"first": 0, "last": -1}
        step = self.steps(measure)[ends[measure.step]] if measure.step in ends else measure.step
        return f"{measure.metric} at step {step}"

    def steps(self, measure: Measure) -> list[int]:
        """The steps at which a measure's metric is scored, ascending."""
        start = f"{measure.metric} at step "
        metrics = self._experiments(measure)["metric"]
        steps = sorted({int(metric.removeprefix(start)) for metric in metrics if metric.startswith(start)})
        return steps or self._nothing(measure, start + "…")

    def series(self, measure: Measure) -> dict[str, list[Score]]:
        """For each experiment that a measure stands for, its scores in the order of steps, two at least."""
        by_step = [self.find(measure.model_copy(update={"step": step})) for step in self.steps(measure)]
        if len(by_step) < 2:
            raise NoValue(f"{_name(measure)} is scored at one step only")
        if any(set(scores) != set(by_step[0]) for scores in by_step):
            raise UserError(f"{self.place}: {_name(measure)} is not scored at the same steps for all of its experiments")
        return {rest: [scores[rest] for scores in by_step] for rest in by_step[0]}

    def _experiments(self, measure: Measure) -> pd.DataFrame:
        names = self.frame["experiment"]
        chosen = (names == measure.experiment) | names.str.startswith(f"{measure.experiment}, ")
        return self.frame[chosen & (self.frame["split"] == measure.split)]

    def _nothing(self, measure: Measure, metric: str) -> Any:
        raise UserError(f"{self.place}: no score {metric!r} ({measure.split}) of an experiment {measure.experiment!r}")


def scores_by_writeup(paths: Iterable[Path]) -> dict[str, Scores]:
    """Read files of scores; a write-up's lie in the folder of its name."""
    files: dict[str, list[Path]] = {}
    for path in sorted(paths):
        files.setdefault(path.parent.name, []).append(path)
    return {
        writeup: Scores(pd.concat([read_scores(path) for path in own], ignore_index=True), ", ".join(str(path) for path in own))
        for writeup, own in files.items()
    }


def ledger(claims: Mapping[str, Claim], settings: Mapping[str, Sequence[Any]], scores: Mapping[str, Scores]) -> pd.DataFrame:
    """The ledger, a claim a row, in the order of the claims.

    ``settings`` gives the values of each setting that a condition names; ``scores`` the scores by write-up.

    Raises:
        UserError: a claim that is comparable but whose scores are missing.
    """
    return pd.DataFrame([_row(name, claim, settings, scores) for name, claim in claims.items()], columns=COLUMNS)


def _row(name: str, claim: Claim, settings: Mapping[str, Sequence[Any]], scores: Mapping[str, Scores]) -> dict[str, str]:
    expect, decide = COMPARISONS[type(claim.comparison)]
    row = {"claim": name, "row": claim.row, "says": claim.says, "expected": expect(claim.comparison), "found": "", "reason": ""}
    row |= {"verdict": NOT_COMPARABLE, "source": claim.source}
    failing = [reason for reason in (_failing(condition, settings) for condition in claim.comparable) if reason]
    if failing:
        return row | {"reason": "; ".join(failing)}
    if claim.writeup not in scores:
        raise UserError(f"claim {name}: no scores of the write-up {claim.writeup!r} were given (there are {', '.join(scores)})")
    try:
        holds, found = decide(claim.comparison, scores[claim.writeup])
        if holds is None:
            raise NoValue(f"the seeds' spread is too large to decide: {found}")
    except NoValue as nothing:
        return row | {"reason": str(nothing)}
    except UserError as error:
        raise UserError(f"claim {name}: {error}") from None
    return row | {"found": found, "verdict": REPRODUCED if holds else CONTRADICTED}


def _failing(condition: Predicate, settings: Mapping[str, Sequence[Any]]) -> str:
    """Why a condition fails, naming the setting, its value here and what is expected; empty where it holds."""
    values = settings.get(condition.setting, [])
    here = _list(values) if values else "not set"
    if condition.one_of is not None:
        holds, expected = all(value in condition.one_of for value in values), f"{_list(condition.one_of, 'or')} in the write-up"
    elif condition.exactly is not None:
        holds, expected = set(values) == set(condition.exactly), f"{_list(condition.exactly)} in the write-up"
    elif condition.includes is not None:
        lacking = [value for value in condition.includes if value not in values]
        holds, expected = not lacking, f"without the write-up's {_list(lacking or condition.includes)}"
    elif condition.at_least is not None:
        holds, expected = all(value >= condition.at_least for value in values), f"at least {condition.at_least:g} needed"
    else:
        holds, expected = len(set(values)) >= condition.several, f"at least {condition.several} different values needed"
    return "" if values and holds else f"{condition.setting} is {here} here, {expected}"


def _list(values: Sequence[Any], word: str = "and") -> str:
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def _name(measure: Measure) -> str:
    step = {None: "", "first": " at the first step shown", "last": " at the last step shown"}.get(
        measure.step, f" at step {measure.step}"
    )
    return f"{measure.metric} of {measure.experiment}{step} ({measure.split})"


def _beyond(margin: float) -> str:
    return f"by more than {margin:g} beyond the spread" if margin else "by more than the spread"


def _expect_near(test: Near) -> str:
    return f"{test.value} ± {test.tolerance:g} beyond the spread: {' or '.join(_name(measure) for measure in test.measures)}"


def _near(test: Near, scores: Scores) -> tuple[bool, str]:
    candidates = [score for measure in test.measures for score in scores.find(measure).values()]
    closest = min(candidates, key=lambda score: abs(score.value - test.value) - score.deviation)
    return abs(closest.value - test.value) - closest.deviation <= test.tolerance, str(closest)


def _expect_less(test: Less) -> str:
    return f"{_name(test.lower)} below {_name(test.higher)} {_beyond(test.margin)}"


def _less(test: Less, scores: Scores) -> tuple[bool | None, str]:
    pairs = _aligned(scores, test.lower, test.higher)
    return _all([_below(lower, higher, test.margin) for lower, higher in pairs]), _found(pairs)


def _expect_between(test: Between) -> str:
    return f"{_name(test.measure)} above {_name(test.floor)} and below {_name(test.ceiling)}, each {_beyond(test.margin)}"


def _between(test: Between, scores: Scores) -> tuple[bool | None, str]:
    triples = _aligned(scores, test.floor, test.measure, test.ceiling)
    pairs = [pair for floor, score, ceiling in triples for pair in ((floor, score), (score, ceiling))]
    return _all([_below(lower, higher, test.margin) for lower, higher in pairs]), _found(triples)


def _expect_falls(test: Falls) -> str:
    return f"{_name(test.measure)} falls from each step shown to the next"


def _falls(test: Falls, scores: Scores) -> tuple[bool, str]:
    series = list(scores.series(test.measure).values())
    holds = all(later.value < earlier.value for one in series for earlier, later in zip(one, one[1:], strict=False))
    return holds, _found(series)


def _expect_smallest_at(test: SmallestAt) -> str:
    return f"{_name(test.measure)} is smallest at step {test.step} of those shown"


def _smallest_at(test: SmallestAt, scores: Scores) -> tuple[bool, str]:
    series = list(scores.series(test.measure).values())
    position = scores.steps(test.measure).index(test.step) if test.step in scores.steps(test.measure) else None
    return all(min(range(len(one)), key=lambda at, one=one: one[at].value) == position for one in series), _found(series)


def _expect_above(test: Above) -> str:
    return f"{_name(test.measure)} above {test.value:g} {_WHOLLY}"


def _above(test: Above, scores: Scores) -> tuple[bool, str]:
    intervals = scores.intervals(test.measure)
    return _beside(
        intervals, right=[one.low > test.value for one in intervals], wrong=[one.high <= test.value for one in intervals]
    )


def _expect_below(test: Below) -> str:
    return f"{_name(test.measure)} below {test.value:g} {_WHOLLY}"


def _below_value(test: Below, scores: Scores) -> tuple[bool, str]:
    intervals = scores.intervals(test.measure)
    return _beside(
        intervals, right=[one.high < test.value for one in intervals], wrong=[one.low >= test.value for one in intervals]
    )


def _expect_within(test: Within) -> str:
    return f"{_name(test.measure)} within {test.value:g} ± {test.tolerance:g} {_WHOLLY}"


def _within(test: Within, scores: Scores) -> tuple[bool, str]:
    intervals = scores.intervals(test.measure)
    lowest, highest = test.value - test.tolerance, test.value + test.tolerance
    return _beside(
        intervals,
        right=[lowest <= one.low and one.high <= highest for one in intervals],
        wrong=[one.high < lowest or one.low > highest for one in intervals],
        what="an end of the range",
    )


_WHOLLY = "with its whole interval (over seeds; with one seed, over the texts or prompts measured)"


def _beside(
    intervals: Sequence[Interval], right: Sequence[bool], wrong: Sequence[bool], what: str = "the value"
) -> tuple[bool, str]:
    """Whether all intervals lie on the right side of a value, or in a range.

    Raises:
        NoValue: where one holds the value or an end of the range, and none lies on the wrong side.
    """
    found = "; ".join(str(one) for one in intervals)
    if not any(wrong) and not all(right):
        raise NoValue(f"{what} lies within the interval: {found}")
    return all(right), found


def _below(lower: Score, higher: Score, margin: float) -> bool | None:
    """Whether one score lies below another by more than a margin; None where the seeds' spread leaves it open."""
    difference, spread = higher.value - lower.value, math.hypot(lower.deviation, higher.deviation)
    if difference - spread > margin:
        return True
    return False if difference + spread <= margin else None


def _all(decided: Sequence[bool | None]) -> bool | None:
    """All of them: false where one is, else open where one is."""
    return False if False in decided else None if None in decided else True


def _aligned(scores: Scores, *measures: Measure) -> list[tuple[Score, ...]]:
    """The scores of several measures side by side where the rest of their experiments' names agrees.

    A measure of one experiment without a rest (a floor, say) stands beside all of the others'.
    """
    found = [scores.find(measure) for measure in measures]
    several = [set(one) for one in found if set(one) != {""}]
    shared = sorted(set.intersection(*several)) if several else [""]
    if not shared:
        names = " and ".join(_name(measure) for measure in measures)
        raise UserError(f"{scores.place}: {names} agree in none of their other settings")
    return [tuple(one[rest] if rest in one else one[""] for one in found) for rest in shared]


def _found(groups: Sequence[Sequence[Score]]) -> str:
    return "; ".join(", ".join(str(score) for score in group) for group in groups)


#: For each kind of comparison: what it expects in words, and whether it holds (None: left open) with the figures found.
COMPARISONS: dict[type, tuple[Callable[[Any], str], Callable[[Any, Scores], tuple[bool | None, str]]]] = {
    Near: (_expect_near, _near),
    Less: (_expect_less, _less),
    Between: (_expect_between, _between),
    Falls: (_expect_falls, _falls),
    SmallestAt: (_expect_smallest_at, _smallest_at),
    Above: (_expect_above, _above),
    Below: (_expect_below, _below_value),
    Within: (_expect_within, _within),
}
