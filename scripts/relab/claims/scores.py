"""The scores that decide claims: those of a measure, over their seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from relab.scores import ALL, measurement, read_scores, summarise
from relab.settings.claims import Measure
from relab.statistics import EXACT, FEW, SEED, Estimate, Measurement, plural


class NoValue(Exception):
    """A score without a value in this run: no row computes it, nothing could be counted, or a training diverged."""


@dataclass(frozen=True)
class Score:
    """A score: its estimate over all seeds, and its measurement with each."""

    experiment: str
    metric: str
    split: str
    estimate: Estimate
    seeds: Mapping[int, Measurement]

    def __str__(self) -> str:
        return f"{format_estimate(self.estimate)} ({self.experiment}, {self.metric}, {self.split}{_sample_size(self.estimate)})"


def format_estimate(estimate: Estimate) -> str:
    """Format a value with its interval."""
    if estimate.unit == EXACT and estimate.low == estimate.high:
        return f"{estimate.value:.4f}"
    ends = f"{estimate.low:.4f}, {estimate.high:.4f}" if estimate.has_interval else "no interval"
    return f"{estimate.value:.4f} [{ends}]"


def _sample_size(estimate: Estimate) -> str:
    """The seeds and units of an estimate in words, with a note where there are few."""
    seeds = "1 seed" if estimate.seeds == 1 else f"{estimate.seeds} seeds"
    if estimate.unit == EXACT:
        return "" if estimate.seeds == 1 else f", {seeds}"
    if estimate.unit == SEED:
        return f", {seeds}"
    few = f", fewer than {FEW}: rough" if estimate.n < FEW else ""
    return f", {seeds}, n = {estimate.n} {plural(estimate.unit)}{few}"


class Scores:
    """The scores of one write-up."""

    def __init__(self, frame: pd.DataFrame):
        self.frame = frame[frame["seed"] != ALL]

    def find(self, measure: Measure) -> dict[str, Score]:
        """The scores of a measure, by what follows the measure's experiment in the names of theirs (often nothing).

        Raises:
            NoValue: where there is none, or one has no value.
        """
        metric = self._metric_name(measure)
        rows = self._rows_of_measure(measure)
        rows = rows[rows["metric"] == metric]
        if rows.empty:
            self._raise_no_score(measure, metric)
        return {
            experiment.removeprefix(measure.experiment): self._score(
                experiment, metric, measure.split, group.to_dict("records")
            )
            for experiment, group in rows.groupby("experiment", sort=False)
        }

    @staticmethod
    def _score(experiment: str, metric: str, split: str, rows: list[dict[str, Any]]) -> Score:
        estimate = summarise(rows)
        if math.isnan(estimate.value):
            raise NoValue(f"{metric} ({split}) of {experiment} has no value here")
        return Score(experiment, metric, split, estimate, {int(row["seed"]): measurement(row) for row in rows})

    def _metric_name(self, measure: Measure) -> str:
        if measure.step is None:
            return measure.metric
        ends = {"first": 0, "last": -1}
        step = self.steps(measure)[ends[measure.step]] if measure.step in ends else measure.step
        return f"{measure.metric} at step {step}"

    def steps(self, measure: Measure) -> list[int]:
        """The steps at which a measure's metric was scored, ascending."""
        start = f"{measure.metric} at step "
        metrics = self._rows_of_measure(measure)["metric"]
        steps = sorted({int(metric.removeprefix(start)) for metric in metrics if metric.startswith(start)})
        return steps or self._raise_no_score(measure, start + "…")

    def series(self, measure: Measure) -> dict[str, list[Score]]:
        """For each experiment of a measure, its scores in the order of steps, at least two."""
        by_step = [self.find(measure.model_copy(update={"step": step})) for step in self.steps(measure)]
        if len(by_step) < 2:
            raise NoValue(f"{label(measure)} is scored at one step only")
        if any(set(scores) != set(by_step[0]) for scores in by_step):
            raise NoValue(f"{label(measure)} is not scored at the same steps for all of its experiments")
        return {rest: [scores[rest] for scores in by_step] for rest in by_step[0]}

    def _rows_of_measure(self, measure: Measure) -> pd.DataFrame:
        names = self.frame["experiment"]
        chosen = (names == measure.experiment) | names.str.startswith(f"{measure.experiment}, ")
        return self.frame[chosen & (self.frame["split"] == measure.split)]

    def _raise_no_score(self, measure: Measure, metric: str) -> Any:
        raise NoValue(f"no row of this run computes {metric} ({measure.split}) of {measure.experiment}")


def label(measure: Measure) -> str:
    """The label of a measure in texts."""
    step = {None: "", "first": " at the first step shown", "last": " at the last step shown"}.get(
        measure.step, f" at step {measure.step}"
    )
    return f"{measure.metric} of {measure.experiment}{step} ({measure.split})"


def scores_by_writeup(paths: Iterable[Path]) -> dict[str, Scores]:
    """Read files of scores by write-up, which is the name of their folder."""
    files: dict[str, list[Path]] = {}
    for path in sorted(paths):
        files.setdefault(path.parent.name, []).append(path)
    return {writeup: Scores(pd.concat(map(read_scores, group), ignore_index=True)) for writeup, group in files.items()}


def format_list(values: Sequence[Any], word: str = "and") -> str:
    """Format values as a list in words."""
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
