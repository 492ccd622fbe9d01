"""The figure of losses by iteration: loss against iteration, and for sentences of a grammar what a model could reach."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from relab.errors import UserError
from relab.figures import COLOURS, WIDTH
from relab.files import read_csv
from relab.rows.job import Job

#: Columns that the curves must have.
COLUMNS = ("seed", "step", "train_loss", "validation_loss")

#: Columns of losses that need no training, which are drawn where the table has them: label and look.
BASELINES = {
    "uniform": ("a uniform guess, ln V = {:.2f}", {"color": COLOURS[4], "linestyle": (0, (1, 1.5)), "linewidth": 1.4}),
    "grammar_loss": (
        "the grammar on the same held-out sentences, {:.3f}",
        {"color": COLOURS[2], "linestyle": "-", "linewidth": 1.4},
    ),
}

_VALIDATION = {"color": COLOURS[0], "linewidth": 1.8}
_TRAINING = {"color": COLOURS[1], "linewidth": 1.2, "linestyle": (0, (3, 1.5))}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": draw_losses(read_csv(job.file("curve")))}


def draw_losses(curves: pd.DataFrame) -> Figure:
    """The figure, from the table ``curve``: validation and training loss as means over seeds with a band from the lowest to
    the highest seed, on a logarithmic axis, and a line for each of the table's losses that need no training.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    lacking = [column for column in COLUMNS if column not in curves]
    if lacking or curves.empty:
        raise UserError(f"the loss curves have {f'no column {lacking[0]!r}' if lacking else 'no row'}")
    baselines = {column: float(curves[column].iloc[0]) for column in BASELINES if column in curves}
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    for column, look in (("train_loss", _TRAINING), ("validation_loss", _VALIDATION)):
        _draw_line(axes, curves, column, look)
    for column, loss in baselines.items():
        axes.axhline(loss, zorder=1, **BASELINES[column][1])
    _label(axes)
    legend = _legend(curves["seed"].nunique(), baselines)
    figure.legend(handles=legend, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _draw_line(axes: Axes, curves: pd.DataFrame, column: str, look: dict) -> None:
    seaborn.lineplot(
        data=curves, x="step", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0}, legend=False, ax=axes,
        **look,
    )  # fmt: skip


def _label(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss, nats per token (log scale)")
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _legend(seeds: int, baselines: dict[str, float]) -> list[Line2D | Patch]:
    over_seeds = f"mean of {seeds} seeds" if seeds > 1 else "1 seed"
    band = [Patch(color="#555555", alpha=0.25, linewidth=0, label="lowest to highest seed")] if seeds > 1 else []
    lines = [
        Line2D([], [], label=BASELINES[column][0].format(loss), **BASELINES[column][1]) for column, loss in baselines.items()
    ]
    return [
        Line2D([], [], label=f"validation, {over_seeds}", **_VALIDATION),
        Line2D([], [], label=f"training, {over_seeds}", **_TRAINING),
        *band,
        *lines,
    ]
