"""The figures of targets: the first metrics of each system with their intervals, differences, the losses of models."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
from matplotlib.figure import Figure

from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.finetuning_figures import draw_losses
from relab.rows.shared.intervals import Panel, draw_intervals, spread
from relab.rows.shared.text_metrics import column


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    metrics = job.spec["metrics"]
    figures = {"metrics": draw_metrics(read_csv(job.file("systems")), metrics, job.spec["baselines"])}
    if job.files("differences"):
        figures["differences"] = draw_differences(read_csv(job.file("differences")), metrics)
    if job.files("curves"):
        figures["curves"] = draw_losses(read_csv(job.file("curves")))
    return figures


def draw_metrics(systems: pd.DataFrame, metrics: Sequence[str], baselines: Collection[str] = ()) -> Figure:
    """A panel a metric: a mark with its 95 % interval a system, in the order of the table.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    panels = [Panel(metric, {column(metric): metric}) for metric in metrics]
    return draw_intervals(systems, "system", panels, baselines=baselines)


def draw_differences(differences: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """A panel a metric: what each system has beyond the one that all are compared with, pair by pair.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(differences, ("metric", "system", "other", "better"), "the differences have", rows=True)
    better = dict(zip(differences["metric"], differences["better"], strict=True))
    panels = [
        Panel(f"{metric} ({better[metric]} is better)", {f"{metric} difference": metric}, reference=0)
        for metric in metrics if metric in better
    ]  # fmt: skip
    figure = draw_intervals(spread(differences, "system", "metric", ["difference"]), "system", panels, systems={})
    figure.supxlabel(f"beyond {differences['other'].iloc[0]}, paired 95 % interval", fontsize=9.5)
    return figure
