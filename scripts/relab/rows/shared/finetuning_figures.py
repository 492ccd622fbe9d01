"""The figure of finetuned models: their losses over the tokens that they read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from relab.errors import UserError
from relab.figures import COLOURS, WIDTH

COLUMNS = ("model", "seed", "tokens_seen", "train_loss", "validation_loss")

_TRAINING = (0, (3, 1.5))


def draw_losses(curves: pd.DataFrame) -> Figure:
    """Losses of each model against the tokens that it had to predict so far: means over seeds, with a band from the lowest to
    the highest seed.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    check_table(curves, COLUMNS, "the curves")
    figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(dict.fromkeys(curves["model"]), itertools.cycle(COLOURS), strict=False))
    for model, colour in colours.items():
        curve = curves[curves["model"] == model]
        for column, look in (
            ("train_loss", {"linewidth": 1.2, "linestyle": _TRAINING}),
            ("validation_loss", {"linewidth": 1.8}),
        ):
            seaborn.lineplot(
                data=_aligned(curve), x="tokens_seen", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0},
                legend=False, color=colour, ax=axes, **look,
            )  # fmt: skip
    label_axes(axes, "tokens predicted so far", "loss, nats a token")
    handles = [Line2D([], [], color=colour, linewidth=1.8, label=model) for model, colour in colours.items()]
    handles += [
        Line2D([], [], color="#555555", linewidth=1.8, label="validation"),
        Line2D([], [], color="#555555", linewidth=1.2, linestyle=_TRAINING, label="training"),
    ]
    seeds = int(curves.groupby("model")["seed"].nunique().max())
    if seeds > 1:
        handles.append(Patch(color="#555555", alpha=0.25, linewidth=0, label=f"lowest to highest of {seeds} seeds"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _aligned(curve: pd.DataFrame) -> pd.DataFrame:
    """Documents of different lengths are drawn by different seeds: the tokens of a step are their mean over seeds."""
    if "step" not in curve:
        return curve
    return curve.assign(tokens_seen=curve.groupby("step")["tokens_seen"].transform("mean"))


def check_table(table: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a table without one of these columns, or without a row.

    Raises:
        UserError: naming what it is, and the column.
    """
    lacking = [column for column in columns if column not in table]
    if lacking or table.empty:
        raise UserError(f"{what} have {f'no column {lacking[0]!r}' if lacking else 'no row'}")


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Label the axes of lines over steps or tokens."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
