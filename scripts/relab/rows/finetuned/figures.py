"""The figures of finetuned models: losses over the tokens read, and learning rates over the steps."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from relab.figures import NEUTRAL, STYLES, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.finetuned.names import MEANT, WRITEUP
from relab.rows.job import Job
from relab.rows.shared.curves import REFERENCE, add_legend, entry, label_axes
from relab.rows.shared.finetuning_figures import draw_losses
from relab.rows.shared.intervals import ENDS, in_words
from relab.svg import describe_line


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    figures = {"loss": draw_losses(read_csv(job.file("curve"))), "cost": draw_cost(read_csv(job.file("models")))}
    if job.files("rates"):
        figures["rates"] = draw_rates(read_csv(job.file("rates")))
    return figures


def draw_cost(models: pd.DataFrame) -> Figure:
    """Held-out loss in bits per byte of each model against what of it is stored, with the base's loss as a line.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    columns = [f"bits_per_byte{end}" for end in ENDS]
    require_columns(models, ("model", "how", "parameters", *columns), "the models have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    axes = figure.subplots()
    base, *tuned = models[models["parameters"].notna()].to_dict("records")  # people store nothing
    labels = [f"{row['model']} ({row['how']})" for row in tuned]
    of_models, entries = colours(labels), []
    for row, label in zip(tuned, labels, strict=True):
        value, low, high = (float(row[column]) for column in columns)
        parameters, look = float(row["parameters"]), {"color": of_models[label], "marker": "o", "linestyle": "none"}
        bars = axes.errorbar([parameters], [value], [[value - low], [high - value]], elinewidth=1.3, **look)
        describe_line(bars[0], label, [in_words(f"{label}, {parameters:,.0f} parameters, bits per byte", value, low, high)])
        entries.append(entry(label, **look))
    describe_line(axes.axhline(float(base[columns[0]]), color=NEUTRAL[0], zorder=1, **REFERENCE), base["model"])
    entries.append(entry(f"{base['model']}, {base['how']}", color=NEUTRAL[0], **REFERENCE))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("stored parameters (log scale)")
    axes.set_ylabel("held-out loss, bits per byte")
    axes.margins(x=0.15)
    add_legend(figure, entries)
    return figure


def draw_rates(rates: pd.DataFrame) -> Figure:
    """The learning rate of each step: as it was meant, and as the write-up's scheduler has it.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(rates, ("step", MEANT, WRITEUP), "the learning rates have", rows=True)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    looks = ((MEANT, "decay to the last step, as meant"), (WRITEUP, "the sheet's scheduler"))
    for (column, label), colour, style in zip(looks, (NEUTRAL[0], NEUTRAL[1]), STYLES, strict=False):
        axes.plot(rates["step"], rates[column], color=colour, linestyle=style, linewidth=1.8, label=label)
    label_axes(axes, "finished steps", "learning rate")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.8)
    return figure
