"""The scores that decide claims: those that a measure stands for, over their seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from relab.errors import UserError
from relab.scores import ALL, measurement, read_scores, summary
from relab.settings.claims import Measure
from relab.statistics import EXACT, FEW, SEED, Estimate, Measurement, plural


class NoValue(Exception):
    """A score is there but has no value: nothing could be counted, or a training diverged."""


class NoScore(UserError):
    """A score is not there."""


@dataclass(frozen=True)
class Score:
    """A score over all of its seeds, and what was measured with each."""

    experiment: str
    metric: str
    split: str
    found: Estimate
    seeds: Mapping[int, Measurement]

    def __str__(self) -> str:
        return f"{figures(self.found)} ({self.experiment}, {self.metric}, {self.split}{_counted(self.found)})"


def figures(found: Estimate) -> str:
    """A value with its interval."""
    if found.unit == EXACT and found.low == found.high:
        return f"{found.value:.4f}"
    ends = f"{found.low:.4f}, {found.high:.4f}" if found.known else "no interval"
    return f"{found.value:.4f} [{ends}]"


def _counted(found: Estimate) -> str:
    """What stands behind an interval; that it is rough where that is little."""
    seeds = "1 seed" if found.seeds == 1 else f"{found.seeds} seeds"
    if found.unit == EXACT:
        return "" if found.seeds == 1 else f", {seeds}"
    if found.unit == SEED:
        return f", {seeds}"
    few = f", fewer than {FEW}: rough" if found.n < FEW else ""
    return f", {seeds}, n = {found.n} {plural(found.unit)}{few}"


class Scores:
    """The scores of one write-up."""

    def __init__(self, frame: pd.DataFrame, path: str):
        self.path = path
        self.frame = frame[frame["seed"] != ALL]

    def find(self, measure: Measure) -> dict[str, Score]:
        """The scores that a measure stands for, by what follows the measure's experiment in their own (often nothing).

        Raises:
            NoScore: where there is none.
            NoValue: where one has no value.
        """
        metric = self._metric(measure)
        rows = self._experiments(measure)
        rows = rows[rows["metric"] == metric]
        if rows.empty:
            self._nothing(measure, metric)
        return {
            experiment.removeprefix(measure.experiment): self._score(
                experiment, metric, measure.split, group.to_dict("records")
            )
            for experiment, group in rows.groupby("experiment", sort=False)
        }

    @staticmethod
    def _score(experiment: str, metric: str, split: str, rows: list[dict[str, Any]]) -> Score:
        found = summary(rows)
        if math.isnan(found.value):
            raise NoValue(f"{metric} ({split}) of {experiment} has no value here")
        return Score(experiment, metric, split, found, {int(row["seed"]): measurement(row) for row in rows})

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
            raise NoValue(f"{name_of(measure)} is scored at one step only")
        if any(set(scores) != set(by_step[0]) for scores in by_step):
            raise UserError(f"{self.path}: {name_of(measure)} is not scored at the same steps for all of its experiments")
        return {rest: [scores[rest] for scores in by_step] for rest in by_step[0]}

    def _experiments(self, measure: Measure) -> pd.DataFrame:
        names = self.frame["experiment"]
        chosen = (names == measure.experiment) | names.str.startswith(f"{measure.experiment}, ")
        return self.frame[chosen & (self.frame["split"] == measure.split)]

    def _nothing(self, measure: Measure, metric: str) -> Any:
        raise NoScore(f"{self.path}: no score {metric!r} ({measure.split}) of an experiment {measure.experiment!r}")


def name_of(measure: Measure) -> str:
    """A measure in words."""
    step = {None: "", "first": " at the first step shown", "last": " at the last step shown"}.get(
        measure.step, f" at step {measure.step}"
    )
    return f"{measure.metric} of {measure.experiment}{step} ({measure.split})"


def scores_by_writeup(paths: Iterable[Path]) -> dict[str, Scores]:
    """Read files of scores; a write-up's lie in the folder of its name."""
    files: dict[str, list[Path]] = {}
    for path in sorted(paths):
        files.setdefault(path.parent.name, []).append(path)
    return {
        writeup: Scores(pd.concat([read_scores(path) for path in own], ignore_index=True), ", ".join(str(path) for path in own))
        for writeup, own in files.items()
    }


def listed(values: Sequence[Any], word: str = "and") -> str:
    """Values as a list in words."""
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
