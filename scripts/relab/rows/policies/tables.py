"""Tables of policies: scores, what they have beyond the reference, the scorers, commonest phrases, texts side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.rows.job import MAIN, Job
from relab.rows.policies.names import (
    ACCURACY,
    COMMONEST,
    DISTINCT,
    ENDED,
    JUDGE,
    JUDGED_PREFERRED,
    KL,
    REJECTED,
    REWARD,
    SCORERS,
    WORDS,
    Spec,
    wins,
)
from relab.rows.policies.texts import Systems, SystemTexts, read_systems
from relab.rows.shared.best import HIGHER, Ranking, with_best
from relab.scores import Summaries
from relab.statistics import estimate

DIGITS = 4

#: The columns of the main table by metric.
COLUMNS = {
    REWARD: "reward",
    wins(REWARD): "reward_wins",
    JUDGE: "judge",
    wins(JUDGE): "judge_wins",
    JUDGED_PREFERRED: "judged_preferred",
    KL: "kl",
    DISTINCT: "distinct",
    COMMONEST: "commonest",
    WORDS: "words",
    ENDED: "ended",
}

#: Phrases of each system that are shown.
SHOWN = 2


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    systems = read_systems(job.file("measured"), spec)
    return {
        MAIN: systems_table(spec, systems, scores),
        "differences": differences_table(spec, systems, scores),
        "scorers": scorers_table(spec, scores),
        "phrases": phrases_table(systems),
        "texts": texts_table(spec, systems),
        "seeds": seeds_table(spec, scores),
    }


def systems_table(spec: Spec, systems: Systems, scores: Summaries) -> pd.DataFrame:
    """A system a row: the reference, the policies, human answers.

    Each metric has a column with ``_low`` and ``_high`` (95 % interval over seeds and prompts), empty where a system has none;
    ``texts`` is the number of texts over all seeds.
    """
    rows = []
    for system, seeds in systems.items():
        experiment = spec.experiment(system)
        known = set(scores.summary.loc[experiment].index.get_level_values("metric"))
        row: dict[str, Any] = {"system": system}
        for metric, column in columns_of(spec).items():
            ends = ("", "_low", "_high")
            empty = {f"{column}{end}": "" for end in ends}
            row |= scores.cells(column, experiment, metric, spec.split, DIGITS) if metric in known else empty
        row |= {"seeds": len(seeds), "texts": sum(len(texts.frame) for texts in seeds.values())}
        rows.append((experiment, row))
    judged = (*spec.scorers, *([JUDGED_PREFERRED] if spec.judge else []))
    good = {COLUMNS[metric]: Ranking(metric, HIGHER, spec.split) for metric in judged}
    return pd.DataFrame(with_best(rows, scores, good))


def columns_of(spec: Spec) -> dict[str, str]:
    """The columns of the main table by metric, without the judge's where there is none."""
    return {metric: column for metric, column in COLUMNS.items() if spec.judge or not column.startswith(JUDGE)}


def seeds_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """The reference and the policies, a seed a row: what the figure against KL divergence draws.

    ``_low`` and ``_high`` are ends of the 95 % interval over prompts.
    """
    rows = []
    for system in spec.order:
        for seed in spec.systems[system].values():
            row: dict[str, Any] = {"system": system, "seed": seed}
            for metric in (KL, *spec.scorers, DISTINCT):
                frame = scores.per_seed(spec.experiment(system), metric, spec.split)
                values = frame[frame["seed"] == str(seed)].iloc[0]
                ends = {"": "value", "_low": "low", "_high": "high"}
                row |= {f"{COLUMNS[metric]}{end}": format_fixed(values[name], DIGITS) for end, name in ends.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def differences_table(spec: Spec, systems: Systems, scores: Summaries) -> pd.DataFrame:
    """A metric and system a row: what the system has beyond the reference, paired by prompts."""
    rows = []
    for metric in spec.compared:
        for system in (system for system in systems if system != spec.reference):
            experiment = spec.experiment(system, spec.reference)
            found = scores.find(experiment, metric, spec.split)
            cells = scores.cells("difference", experiment, metric, spec.split, DIGITS)
            rows.append({"metric": metric, "system": system, **cells, "prompts": int(found["n"])})
    return pd.DataFrame(rows)


def scorers_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """A scorer a row: the share of human pairs whose preferred answer gets more; chance is one half."""
    rows = []
    for scorer in spec.scorers:
        experiment = spec.experiment(SCORERS[scorer])
        cells = scores.cells("accuracy", experiment, ACCURACY, spec.split, DIGITS)
        prompts = int(scores.find(experiment, ACCURACY, spec.split)["n"])
        rows.append({"scorer": SCORERS[scorer], **cells, "chance": "0.5", "prompts": prompts})
    return pd.DataFrame(rows)


def phrases_table(systems: Systems) -> pd.DataFrame:
    """The commonest phrases of each system's first seed: a phrase a row, with the share of texts that hold it.

    ``share_low`` and ``share_high`` are the 95 % interval over prompts; ``others`` are the shares of the other systems.
    """
    first = {system: next(iter(seeds.values())) for system, seeds in systems.items()}
    return pd.DataFrame(row for system in first for row in _phrases(system, first))


def _phrases(system: str, first: dict[str, SystemTexts]) -> Iterator[dict[str, Any]]:
    counted = first[system].phrases()
    for phrase in sorted(counted, key=lambda phrase: (-counted[phrase], phrase))[:SHOWN]:
        share = estimate({0: first[system].with_phrase(phrase)})
        ends = {"share": share.value, "share_low": share.low, "share_high": share.high}
        others = "; ".join(
            f"{other} {texts.with_phrase(phrase).value:.1%}" for other, texts in first.items() if other != system
        )
        cells = {name: format_fixed(value, DIGITS) for name, value in ends.items()}
        yield {"system": system, "phrase": " ".join(phrase), **cells, "prompts": share.n, "others": others}


def texts_table(spec: Spec, systems: Systems) -> pd.DataFrame:
    """Texts of the first seeds with their prompts, which are evenly spread, never chosen: a system's text a row."""
    first = {system: next(iter(seeds.values())).frame for system, seeds in systems.items()}
    prompts = list(dict.fromkeys(first[spec.reference]["row"]))
    number = min(spec.examples, len(prompts))
    shown = [prompts[(2 * index + 1) * len(prompts) // (2 * number)] for index in range(number)]
    rows = []
    for row in shown:
        for system, frame in first.items():
            if system == REJECTED:  # the preferred answer stands for the humans'
                continue
            text = frame[frame["row"] == row].iloc[0]
            rewards = {scorer: format_fixed(text[scorer], 2) for scorer in spec.scorers}
            rows.append({"row": row, "system": system, "text": text["prompt"] + text["text"], **rewards})
    return pd.DataFrame(rows)
