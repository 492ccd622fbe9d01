"""The figure of losses by iteration: loss against iteration, and for sentences of a grammar what a model could reach."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from relab.figures import NEUTRAL, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import REFERENCE, add_legend, draw_splits, entry, label_axes, split_entries
from relab.svg import describe_line

#: Columns that the curves must have.
COLUMNS = ("seed", "step", "train_loss", "validation_loss")

#: Columns of losses that need no training, which are drawn where the table has them: label and look.
BASELINES = {
    "uniform": ("a uniform guess, ln V = {:.2f}", {"color": NEUTRAL[0], **REFERENCE}),
    "grammar_loss": (
        "the grammar on the same held-out sentences, {:.3f}",
        {"color": NEUTRAL[1], "linestyle": "-", "linewidth": 1.4},
    ),
}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": draw_losses(read_csv(job.file("curve")), job.spec["model"])}


def draw_losses(curves: pd.DataFrame, model: str) -> Figure:
    """The figure, from the table ``curve``, on a logarithmic axis, with a line for each of the table's losses that need no
    training.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, COLUMNS, "the loss curves have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    colour = colours([model])[model]
    draw_splits(axes, curves, "step", "loss", color=colour)
    entries = split_entries(curves, colour)
    for column, (label, look) in BASELINES.items():
        if column in curves:
            loss = float(curves[column].iloc[0])
            describe_line(axes.axhline(loss, zorder=1, **look), label.partition(",")[0])
            entries.append(entry(label.format(loss), **look))
    axes.set_yscale("log")
    label_axes(axes, "iteration", "loss, nats per token (log scale)")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    add_legend(figure, entries)
    return figure
