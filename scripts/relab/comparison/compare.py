"""The comparison of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from relab.comparison import artefacts, runs, scores, settings
from relab.errors import UserError

#: Tables that only one run has, by name in the summary.
SHOWN = 5


@dataclass(frozen=True)
class Comparison:
    """Two runs, the settings that differ, and their scores and artefacts joined."""

    a: runs.Run
    b: runs.Run
    settings: list[settings.Difference]
    scores: pd.DataFrame
    artefacts: list[artefacts.Artefact]

    @property
    def name(self) -> str:
        """A file name made of both runs' labels."""
        return f"{self.a.label}--{self.b.label}".replace("/", "-")

    @cached_property
    def judged(self) -> pd.DataFrame:
        """The scores that are counted and shown."""
        return scores.judged_scores(self.scores)

    @cached_property
    def verdicts(self) -> dict[str, int]:
        """The number of judged scores of each verdict, 0 included."""
        verdicts = [*scores.CHANGED, scores.UNCHANGED, scores.OTHER_DATA, scores.ONLY_A, scores.ONLY_B]
        return {verdict: int((self.judged["verdict"] == verdict).sum()) for verdict in verdicts}

    @property
    def summary(self) -> list[str]:
        """Three sentences: settings, scores, artefacts; and one of the tables that only one run has, if any."""
        return [_settings(self), _scores(self), _artefacts(self), *_tables(self)]


def compare(a: Path, b: Path) -> Comparison:
    """Compare the runs in two folders.

    Raises:
        UserError: a folder without a run, a run that is being made, a rehearsal, or the same folder twice.
    """
    labels = runs.run_labels(a, b)
    first, second = runs.read_run(a, labels[0]), runs.read_run(b, labels[1])
    for run in (first, second):
        if any(job.rehearsal for job in run.jobs.values()):
            raise UserError(f"{run.folder}: expected a run, found a rehearsal, whose scores mean nothing")
    if first.config is None or second.config is None:
        changed = artefacts.settings_of_jobs(first, second)
    else:
        changed = settings.differences(first.config, second.config)
    joined = scores.join_scores(scores.load_scores(first), scores.load_scores(second), settings.replaced_values(changed))
    return Comparison(first, second, changed, joined, artefacts.join_artefacts(first, second))


def _settings(comparison: Comparison) -> str:
    number = len(comparison.settings)
    text = "No setting differs" if not number else "1 setting differs" if number == 1 else f"{number} settings differ"
    partial = [letter for letter, run in (("A", comparison.a), ("B", comparison.b)) if run.report is None]
    have = "has" if len(partial) == 1 else "have"
    return text + (f" among the jobs of both, since {' and '.join(partial)} {have} no report." if partial else ".")


def _scores(comparison: Comparison) -> str:
    verdicts = comparison.verdicts
    changed = sum(verdicts[verdict] for verdict in scores.CHANGED)
    text = f"{changed} of {changed + verdicts[scores.UNCHANGED]} comparable scores changed"
    if changed:
        text += f", {verdicts[scores.BEYOND]} of them beyond chance"
        if verdicts[scores.NO_INTERVAL]:
            text += f" and {verdicts[scores.NO_INTERVAL]} of which nothing tells (no interval)"
    incomparable = {"on other data": scores.OTHER_DATA, "only in A": scores.ONLY_A, "only in B": scores.ONLY_B}
    return "; ".join([text, *(f"{verdicts[key]} {words}" for words, key in incomparable.items() if verdicts[key])]) + "."


def _artefacts(comparison: Comparison) -> str:
    number = artefacts.count_by_status(comparison.artefacts)
    recomputed = number[artefacts.SAME] + number[artefacts.CHANGED]
    text = f"{recomputed} of {recomputed + number[artefacts.KEPT]} shared artefacts recomputed"
    if recomputed:
        text += f", {number[artefacts.CHANGED]} of them changed"
    only = [f"{number[status]} {status}" for status in (artefacts.ONLY_A, artefacts.ONLY_B) if number[status]]
    return "; ".join([text, *only]) + "."


def _tables(comparison: Comparison) -> list[str]:
    tables = [set(run.files("tables", ".csv")) for run in (comparison.a, comparison.b)]
    only = {"A": tables[0] - tables[1], "B": tables[1] - tables[0]}
    texts = [f"only {letter} has {_listed(paths)}" for letter, paths in only.items() if paths]
    return [f"Tables: {'; '.join(texts)}."] if texts else []


def _listed(paths: set[str]) -> str:
    """The first names of files under ``results/tables/``, and the number of the rest."""
    names = sorted(path.removeprefix("results/tables/").removesuffix(".csv") for path in paths)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
