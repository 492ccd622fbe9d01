"""The figures of finetuned models: losses over the tokens read, and learning rates over the steps."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.figures import COLOURS, STYLES, WIDTH
from relab.files import read_csv, require_columns
from relab.rows.finetuned.names import MEANT, WRITEUP
from relab.rows.job import Job
from relab.rows.shared.curves import label_axes
from relab.rows.shared.finetuning_figures import draw_losses


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    figures = {"loss": draw_losses(read_csv(job.file("curve")))}
    if job.files("rates"):
        figures["rates"] = draw_rates(read_csv(job.file("rates")))
    return figures


def draw_rates(rates: pd.DataFrame) -> Figure:
    """The learning rate of each step: as it was meant, and as the write-up's scheduler has it.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(rates, ("step", MEANT, WRITEUP), "the learning rates have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    looks = ((MEANT, "decay to the last step, as meant"), (WRITEUP, "the sheet's scheduler"))
    for (column, label), colour, style in zip(looks, COLOURS, STYLES, strict=False):
        axes.plot(rates["step"], rates[column], color=colour, linestyle=style, linewidth=1.8, label=label)
    label_axes(axes, "finished steps", "learning rate")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.8)
    return figure
