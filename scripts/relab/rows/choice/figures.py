"""The figure of rankers of choices: accuracy against the epoch, a row of panels a data set and features, a panel a scorer."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from relab.figures import NEUTRAL, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.probes.systems import LONGEST, cosine_system
from relab.rows.job import Job
from relab.rows.shared.curves import REFERENCE, add_legend, draw_splits, entry, split_entries
from relab.rows.shared.intervals import Panel, draw_intervals, spread
from relab.rows.shared.systems import CHANCE
from relab.svg import describe_line

#: Columns that the curves must have.
COLUMNS = ("data_set", "features", "scorer", "seed", "epoch", "train_accuracy", "validation_accuracy", "chosen", "chance")

_CHANCE = {"color": NEUTRAL[0], **REFERENCE}
_CHOSEN = {"marker": "o", "markersize": 5.5, "markeredgecolor": "white", "linestyle": ""}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    curves = read_csv(job.file("curves"))
    return {"choice": draw_training(curves), "choice_accuracies": draw_accuracies(read_csv(job.file("systems")), curves)}


def draw_accuracies(systems: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Accuracy on test questions beside chance, and what rankers have beyond the cosine, two panels a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(systems, ("data_set", "system", "accuracy"), "the systems have", rows=True)
    wide = spread(systems, "system", "data_set", ["accuracy", "difference"])
    chance = systems[systems["system"] == CHANCE].set_index("data_set")["accuracy"].astype(float)
    panels = []
    for data_set in dict.fromkeys(systems["data_set"]):
        accuracy, difference = ({f"{data_set} {column}": column} for column in ("accuracy", "difference"))
        panels.append(Panel(data_set, accuracy, "accuracy", unit="%", reference=chance.get(data_set)))
        panels.append(Panel("Beyond the cosine", difference, "accuracy, percentage points", unit="points", reference=0))
    rankers = dict(zip(curves["system"], curves["features"], strict=True))
    system_by_name = {name: rankers.get(name, name.removesuffix(cosine_system(""))) for name in wide["system"]}
    return draw_intervals(wide, "system", panels, system_by_name, [CHANCE, LONGEST])


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
    of_features = colours(curves["features"])
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, ((data_set, features), scorers) in zip(parts, rows, strict=True):
        part.suptitle(f"{data_set} · {features}", x=0.01, ha="left", fontsize=10.5)
        panels = part.subplots(1, widest, sharey=True, squeeze=False)[0]
        for axes, (scorer, curve) in zip(panels, scorers.groupby("scorer", sort=False), strict=False):
            _draw_panel(axes, curve, scorer, of_features[features])
        for axes in panels[scorers["scorer"].nunique() :]:
            axes.set_axis_off()
        panels[0].set_ylabel("accuracy")
    marks = [entry("epoch that was kept, a point a seed", **_CHOSEN)]
    add_legend(figure, [*split_entries(curves, marks=marks), entry("chance", **_CHANCE)])
    return figure


def _draw_panel(axes: Axes, curve: pd.DataFrame, scorer: str, colour: str) -> None:
    common = curve[curve["epoch"] <= curve.groupby("seed")["epoch"].max().min()]  # a mean of fewer seeds would jump
    draw_splits(axes, common, "epoch", "accuracy", color=colour)
    chosen = curve[curve["chosen"] == "yes"]
    axes.plot(chosen["epoch"], chosen["validation_accuracy"], zorder=4, color=colour, label="_kept", **_CHOSEN)
    describe_line(axes.axhline(curve["chance"].iloc[0], zorder=1, **_CHANCE), "chance")
    axes.set_title(scorer)
    axes.set_xlabel("epoch")
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
