"""The figures of finetuned models: losses over the tokens read (B1, B5, C3, C4), and learning rates over the steps (C3)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from relab.errors import UserError
from relab.figures import COLOURS, STYLES, WIDTH

CURVE = ("model", "seed", "tokens_seen", "train_loss", "validation_loss")
RATES = ("step", "meant", "sheet")

_TRAINING = (0, (3, 1.5))


def draw_losses(curves: pd.DataFrame) -> Figure:
    """Losses of each model against the tokens that it had to predict so far: means over seeds, with a band from the lowest to
    the highest seed.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    _check(curves, CURVE, "the curves")
    figure = Figure(figsize=(WIDTH, 4.1), layout="constrained")
    axes = figure.subplots()
    models = list(dict.fromkeys(curves["model"]))
    for model, colour in zip(models, COLOURS, strict=False):
        own = curves[curves["model"] == model]
        for column, look in (
            ("train_loss", {"linewidth": 1.2, "linestyle": _TRAINING}),
            ("validation_loss", {"linewidth": 1.8}),
        ):
            seaborn.lineplot(
                data=_aligned(own), x="tokens_seen", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0},
                legend=False, color=colour, ax=axes, **look,
            )  # fmt: skip
    _label(axes, "tokens predicted so far", "loss, nats a token")
    handles = [Line2D([], [], color=colour, linewidth=1.8, label=model) for model, colour in zip(models, COLOURS, strict=False)]
    handles += [
        Line2D([], [], color="#555555", linewidth=1.8, label="validation"),
        Line2D([], [], color="#555555", linewidth=1.2, linestyle=_TRAINING, label="training"),
    ]
    seeds = int(curves.groupby("model")["seed"].nunique().max())
    if seeds > 1:
        handles.append(Patch(color="#555555", alpha=0.25, linewidth=0, label=f"lowest to highest of {seeds} seeds"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _aligned(own: pd.DataFrame) -> pd.DataFrame:
    """Documents of different lengths are drawn by different seeds: the tokens of a step are their mean over seeds."""
    if "step" not in own:
        return own
    return own.assign(tokens_seen=own.groupby("step")["tokens_seen"].transform("mean"))


def draw_rates(rates: pd.DataFrame) -> Figure:
    """The learning rate of each step: as it was meant, and as the sheet's scheduler has it.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    _check(rates, RATES, "the learning rates")
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    looks = (("meant", "decay to the last step, as meant"), ("sheet", "the sheet's scheduler"))
    for (column, label), colour, style in zip(looks, COLOURS, STYLES, strict=False):
        axes.plot(rates["step"], rates[column], color=colour, linestyle=style, linewidth=1.8, label=label)
    _label(axes, "finished steps", "learning rate")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _check(table: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    lacking = [column for column in columns if column not in table]
    if lacking or table.empty:
        raise UserError(f"{what} have {f'no column {lacking[0]!r}' if lacking else 'no row'}")


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
