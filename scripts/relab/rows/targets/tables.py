"""Tables of targets: systems and their metrics, differences, outputs side by side, and how the metrics were computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.metrics.generation import Measured
from relab.metrics.generation_names import better
from relab.rows.job import MAIN, Job
from relab.rows.shared.best import Ranking, with_best
from relab.rows.shared.systems import p_value
from relab.rows.shared.text_metrics import ABOUT, column
from relab.rows.targets.names import COPY, Spec
from relab.rows.targets.outputs import Pairs, Written, measure_systems, read_outputs
from relab.rows.targets.telling import disagreements_table, telling_table
from relab.scores import Summaries

DIGITS = 4


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    pairs, written = read_outputs(job, spec)
    measured = measure_systems(spec, written)
    return {
        MAIN: systems_table(spec, written, scores),
        "differences": differences_table(spec, scores),
        "outputs": outputs_table(spec, pairs, written),
        "telling": telling_table(spec, pairs, written, measured),
        "disagreements": disagreements_table(spec, measured),
        "metrics": metrics_table(spec, measured),
    }


def systems_table(spec: Spec, written: Mapping[str, Written], scores: Summaries) -> pd.DataFrame:
    """A system a row, baselines last.

    ``asked`` is how a source was put to it, where that is more than the source. Each metric has a column of its name with
    ``_low`` and ``_high`` (95 % interval over pairs) and ``_n``, the pairs that it counts; ``pairs`` are all.
    """
    rows = []
    for name, system in written.items():
        row: dict[str, Any] = {"system": spec.label(name), "asked": system.asked}
        for metric in spec.metrics:
            experiment = spec.experiment(name)
            row |= scores.cells(column(metric), experiment, metric, spec.split, DIGITS)
            row[f"{column(metric)}_n"] = int(scores.find(experiment, metric, spec.split)["n"])
        rows.append((spec.experiment(name), {**row, "pairs": len(system.outputs.texts)}))
    good = {column(metric): Ranking(metric, better(metric), spec.split) for metric in spec.metrics}
    return pd.DataFrame(with_best(rows, scores, good))


def differences_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """A metric and system a row: what the system has beyond the one that all are compared with, on the same pairs.

    ``p`` is two-sided, of a paired randomisation test, uncorrected.
    """
    columns = ["metric", "better", "system", "other", "difference", "difference_low", "difference_high", "p", "pairs"]
    return pd.DataFrame(_differences(spec, scores), columns=columns)


def _differences(spec: Spec, scores: Summaries) -> Iterator[dict[str, Any]]:
    for metric in spec.metrics:
        for name in spec.compared:
            experiment = spec.experiment(name, spec.compared_with)
            yield {
                "metric": metric,
                "better": better(metric),
                "system": spec.label(name),
                "other": spec.label(spec.compared_with),
                **scores.cells("difference", experiment, metric, spec.split, DIGITS),
                "p": format_fixed(scores.value(experiment, p_value(metric), spec.split), DIGITS),
                "pairs": int(scores.find(experiment, metric, spec.split)["n"]),
            }


def outputs_table(spec: Spec, pairs: Pairs, written: Mapping[str, Written]) -> pd.DataFrame:
    """Pairs that are evenly spread over all, never chosen ones: a system's output a row, beside source and reference.

    ``row`` is that of the pair in its part of the data set; references are lines; ``cut`` is ``yes`` where the limit of tokens
    ended the output.
    """
    number = min(spec.examples, len(pairs.rows))
    rows = []
    for pair in ((2 * index + 1) * len(pairs.rows) // (2 * number) for index in range(number)):
        for name, system in written.items():
            if name == COPY:  # the source stands there anyway
                continue
            cells = {**about_pair(pairs, pair), "system": spec.label(name), "output": system.outputs.texts[pair]}
            rows.append({**cells, "cut": "yes" if system.outputs.cut[pair] else ""})
    return pd.DataFrame(rows)


def about_pair(pairs: Pairs, pair: int) -> dict[str, Any]:
    """The cells of a pair; several references are lines."""
    return {"row": pairs.rows[pair], "source": pairs.sources[pair], "reference": "\n".join(pairs.references[pair])}


def metrics_table(spec: Spec, measured: Mapping[str, Measured]) -> pd.DataFrame:
    """A metric a row: what it is, whether more of it is better, and the signature of what a library computed."""
    signatures = next(iter(measured.values())).signatures
    return pd.DataFrame(
        [
            {"metric": metric, "about": ABOUT[metric], "better": better(metric), "signature": signatures.get(metric, "")}
            for metric in spec.metrics
        ]
    )
