"""The figure of rankers of choices: accuracy against the epoch, a row of panels a data set and features, a panel a scorer."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from relab.figures import COLOURS, WIDTH
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import add_legend, draw_splits, entry, split_entries

#: Columns that the curves must have.
COLUMNS = ("data_set", "features", "scorer", "seed", "epoch", "train_accuracy", "validation_accuracy", "chosen", "chance")

_CHANCE = {"color": COLOURS[4], "linewidth": 1.4, "linestyle": (0, (1, 1.5))}
_CHOSEN = {"color": COLOURS[0], "marker": "o", "markersize": 5.5, "markeredgecolor": "white", "linestyle": ""}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"choice": draw_training(read_csv(job.file("curves")))}


def draw_training(curves: pd.DataFrame) -> Figure:
    """The figure, from the table ``choice_curves``: accuracy as far as all seeds were trained, the epoch that was kept of each,
    and chance.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, COLUMNS, "the curves of choosing have", rows=True)
    rows = list(curves.groupby(["data_set", "features"], sort=False))
    widest = max(scorers["scorer"].nunique() for _, scorers in rows)
    figure = Figure(figsize=(WIDTH, 0.9 + 2.4 * len(rows)), layout="constrained")
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, ((data_set, features), scorers) in zip(parts, rows, strict=True):
        part.suptitle(f"{data_set} · {features}", x=0.01, ha="left", fontsize=10.5)
        panels = part.subplots(1, widest, sharey=True, squeeze=False)[0]
        for axes, (scorer, curve) in zip(panels, scorers.groupby("scorer", sort=False), strict=False):
            _draw_panel(axes, curve, scorer)
        for axes in panels[scorers["scorer"].nunique() :]:
            axes.set_axis_off()
        panels[0].set_ylabel("accuracy")
    marks = [entry("epoch that was kept, a point a seed", **_CHOSEN)]
    add_legend(figure, [*split_entries(curves, marks), entry("chance", **_CHANCE)])
    return figure


def _draw_panel(axes: Axes, curve: pd.DataFrame, scorer: str) -> None:
    common = curve[curve["epoch"] <= curve.groupby("seed")["epoch"].max().min()]  # a mean of fewer seeds would jump
    draw_splits(axes, common, "epoch", "accuracy")
    chosen = curve[curve["chosen"] == "yes"]
    axes.plot(chosen["epoch"], chosen["validation_accuracy"], zorder=4, **_CHOSEN)
    axes.axhline(curve["chance"].iloc[0], zorder=1, **_CHANCE)
    axes.set_title(scorer)
    axes.set_xlabel("epoch")
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
