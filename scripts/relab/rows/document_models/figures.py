"""The figure of models of documents: loss in bits per byte against the step, with the drops of the learning rate."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.figures import GREY, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.document_models.rates import drops
from relab.rows.job import Job
from relab.rows.shared.curves import add_legend, draw_splits, entry, label_axes, split_entries

COLUMNS = ("seed", "step", "train_bits_per_byte", "validation_bits_per_byte", "learning_rate")

_DROP = {"color": GREY, "linewidth": 1.2, "linestyle": ":"}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": loss_figure(read_csv(job.file("curve")), job.spec["model"])}


def loss_figure(curves: pd.DataFrame, model: str) -> Figure:
    """The figure, from the table ``curve``; a line upright where a seed's learning rate was lowered on a plateau.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, COLUMNS, "the curves have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    colour = colours([model])[model]
    draw_splits(axes, curves, "step", "bits_per_byte", color=colour)
    rates = curves.set_index("step").groupby("seed")["learning_rate"]
    dropped = sorted({step for _, of_seed in rates for step in drops(of_seed)})
    for step in dropped:
        axes.axvline(step, zorder=1, label="_drop", **_DROP)
    label_axes(axes, "step", "loss, bits per byte")
    add_legend(figure, [*split_entries(curves, colour), *([entry("learning rate lowered", **_DROP)] if dropped else [])])
    return figure
