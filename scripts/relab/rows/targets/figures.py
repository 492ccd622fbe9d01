"""The figures of targets: the first metrics of each system with their intervals, and the losses of trained models."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from relab.figures import COLOURS, WIDTH
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.finetuning_figures import draw_losses
from relab.rows.shared.text_metrics import column


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    figures = {"metrics": draw_metrics(read_csv(job.file("systems")), job.spec["metrics"])}
    if job.files("curves"):
        figures["curves"] = draw_losses(read_csv(job.file("curves")))
    return figures


def draw_metrics(systems: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """A panel a metric, two beside each other: a point with its 95 % interval a system, in the order of the table.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    needed = [f"{column(metric)}{end}" for metric in metrics for end in ("", "_low", "_high")]
    require_columns(systems, ["system", *needed], "the systems have", rows=True)
    across = min(2, len(metrics))
    down = -(-len(metrics) // across)
    figure = Figure(figsize=(WIDTH, down * (0.9 + 0.26 * len(systems))), layout="constrained")
    panels = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for axes, metric in zip(panels, metrics, strict=False):
        _draw_metric(axes, systems, metric)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    figure.axes[0].invert_yaxis()
    return figure


def _draw_metric(axes: Axes, systems: pd.DataFrame, metric: str) -> None:
    values, low, high = (systems[f"{column(metric)}{end}"].astype(float) for end in ("", "_low", "_high"))
    axes.errorbar(
        values, range(len(systems)), xerr=[values - low, high - values], fmt="o", color=COLOURS[0], markersize=5, linewidth=1.2
    )
    axes.set_yticks(range(len(systems)), systems["system"], fontsize=9)
    axes.set_title(metric)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.tick_params(axis="x", labelsize=9)
