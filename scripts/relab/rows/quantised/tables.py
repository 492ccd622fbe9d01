"""Tables of a model in several number formats: a format a row, and differences from the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.metrics.generation_names import better
from relab.rows.job import MAIN, Job
from relab.rows.quantised.names import FILES, HELD, LOSS, PERPLEXITY, STORED, Form, Spec, read_forms
from relab.rows.shared.best import LOWER, Ranking, with_best
from relab.rows.shared.text_metrics import column
from relab.scores import Summaries

#: Decimals of perplexities and of all else.
DIGITS = {PERPLEXITY: 2}


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    forms = read_forms(job.file("forms"), spec)
    return {MAIN: forms_table(spec, forms, scores), "differences": differences_table(spec, forms, scores)}


def forms_table(spec: Spec, forms: Mapping[str, Form], scores: Summaries) -> pd.DataFrame:
    """A form a row: ``sampling``, ``weights``, ``megabytes`` on disk and ``megabytes_in_memory`` (10^6 bytes), ``perplexity``
    and each metric (:func:`relab.rows.shared.text_metrics.column`), with the ends of its 95 % interval over ``_n`` pairs.

    Raises:
        UserError: where a score is missing.
    """
    rows = []
    for name in spec.samplings:
        experiment = spec.experiment(name)
        sizes = {"megabytes": STORED, "megabytes_in_memory": HELD}
        row: dict[str, Any] = {"sampling": name, "weights": forms[name].weights}
        row |= {key: format_fixed(scores.value(experiment, metric, FILES) / 1e6, 1) for key, metric in sizes.items()}
        for metric in (PERPLEXITY, *spec.metrics):
            row |= scores.cells(column(metric), experiment, metric, spec.split, DIGITS.get(metric, 4))
            row[f"{column(metric)}_n"] = int(scores.find(experiment, metric, spec.split)["n"])
        rows.append((experiment, row))
    good = {column(metric): Ranking(metric, better(metric), spec.split) for metric in spec.metrics}
    good[column(PERPLEXITY)] = Ranking(PERPLEXITY, LOWER, spec.split)
    return pd.DataFrame(with_best(rows, scores, good))


def differences_table(spec: Spec, forms: Mapping[str, Form], scores: Summaries) -> pd.DataFrame:
    """A form beside the first and a metric a row: ``value``, that of the ``reference``, their ``difference`` pair by pair with
    its 95 % interval over ``n`` pairs.

    Raises:
        UserError: where a score is missing.
    """
    columns = ["sampling", "weights", "metric", "value", "reference", "difference", "difference_low", "difference_high", "n"]
    rows = []
    for name in spec.compared:
        for metric in (LOSS, *spec.metrics):
            digits, beyond = DIGITS.get(metric, 4), spec.experiment(name, spec.reference)
            sides = {"value": spec.experiment(name), "reference": spec.experiment(spec.reference)}
            row: dict[str, Any] = {"sampling": name, "weights": forms[name].weights, "metric": metric}
            row |= {key: format_fixed(scores.value(side, metric, spec.split), digits) for key, side in sides.items()}
            row |= scores.cells("difference", beyond, metric, spec.split, digits)
            rows.append({**row, "n": int(scores.find(beyond, metric, spec.split)["n"])})
    return pd.DataFrame(rows, columns=columns)
