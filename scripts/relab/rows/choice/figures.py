"""The figure of rankers of choices: accuracy against the epoch, a row of panels a data set and features, a panel a scorer."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from relab.errors import UserError
from relab.figures import COLOURS, WIDTH
from relab.files import read_csv
from relab.rows.job import Job

#: Columns that the curves must have.
COLUMNS = ("data_set", "features", "scorer", "seed", "epoch", "train_accuracy", "validation_accuracy", "chosen", "chance")

_VALIDATION = {"color": COLOURS[0], "linewidth": 1.8}
_TRAINING = {"color": COLOURS[1], "linewidth": 1.2, "linestyle": (0, (3, 1.5))}
_CHANCE = {"color": COLOURS[4], "linewidth": 1.4, "linestyle": (0, (1, 1.5))}
_CHOSEN = {"color": COLOURS[0], "marker": "o", "markersize": 5.5, "markeredgecolor": "white", "linestyle": ""}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"choice": draw_training(read_csv(job.file("curves")))}


def draw_training(curves: pd.DataFrame) -> Figure:
    """The figure, from the table ``choice_curves``: training and validation accuracy as means over seeds with a band from the
    lowest to the highest, as far as all seeds were trained; the epoch that was kept of each seed; and chance.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    lacking = [column for column in COLUMNS if column not in curves]
    if lacking or curves.empty:
        raise UserError(f"the curves of choosing have {f'no column {lacking[0]!r}' if lacking else 'no row'}")
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
    figure.legend(handles=_legend(curves), loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _draw_panel(axes: Axes, curve: pd.DataFrame, scorer: str) -> None:
    common = curve[curve["epoch"] <= curve.groupby("seed")["epoch"].max().min()]  # a mean of fewer seeds would jump
    for column, look in (("train_accuracy", _TRAINING), ("validation_accuracy", _VALIDATION)):
        seaborn.lineplot(
            data=common, x="epoch", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0}, legend=False,
            ax=axes, **look,
        )  # fmt: skip
    chosen = curve[curve["chosen"] == "yes"]
    axes.plot(chosen["epoch"], chosen["validation_accuracy"], zorder=4, **_CHOSEN)
    axes.axhline(curve["chance"].iloc[0], zorder=1, **_CHANCE)
    axes.set_title(scorer)
    axes.set_xlabel("epoch")
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _legend(curves: pd.DataFrame) -> list[Line2D | Patch]:
    seeds = curves["seed"].nunique()
    of_seeds = f"mean of {seeds} seeds" if seeds > 1 else "1 seed"
    band = [Patch(color="#555555", alpha=0.25, linewidth=0, label="lowest to highest seed")] if seeds > 1 else []
    return [
        Line2D([], [], label=f"validation, {of_seeds}", **_VALIDATION),
        Line2D([], [], label=f"training, {of_seeds}", **_TRAINING),
        Line2D([], [], label="epoch that was kept, a point a seed", **_CHOSEN),
        *band,
        Line2D([], [], label="chance", **_CHANCE),
    ]
