"""The figure of losses: loss against step, a panel a corpus, a colour and a line style a group of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from pydantic import Field

from relab.errors import UserError
from relab.figures import COLOURS, STYLES, WIDTH
from relab.files import read_csv
from relab.rows.job import Job
from relab.settings.base import Settings

#: Columns of the curves that are not varied keys.
FIXED = ("corpus", "title", "model", "seed", "step", "train_loss", "validation_loss")

#: How the training loss and the best point are drawn.
TRAINING = {"linewidth": 1, "linestyle": (0, (2, 1.5)), "alpha": 0.6}
BEST = {"marker": "o", "linestyle": "", "markeredgecolor": "white", "markersize": 7}

Looks = dict[str, tuple[Any, Any]]


class Spec(Settings):
    """Settings of the job that draws the figure."""

    token: str = Field(description="What the models predict: a character, or a token.")


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": draw_losses(read_csv(job.file("curves")), job.settings(Spec).token)}


def draw_losses(curves: pd.DataFrame, token: str = "token") -> Figure:
    """The figure, from the table of curves: validation loss as the mean over seeds with their range, its best point marked,
    the training loss thin behind it. The first varied key (such as the width) is the colour, the others the line style.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    lacking = [column for column in FIXED if column not in curves]
    if lacking or curves.empty:
        raise UserError(f"the loss curves have {f'no column {lacking[0]!r}' if lacking else 'no row'}")
    looks = _looks(curves)
    panels = list(curves.groupby("corpus", sort=False))
    entries = _legend(looks, curves)
    height = 0.5 + 2.4 * len(panels) + 0.22 * -(-len(entries) // 2)  # inches: labels, panels, two columns of the legend
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for axes, (_, panel) in zip(figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0], panels, strict=True):
        _draw_panel(axes, panel, looks, token)
    axes.set_xlabel("step")
    figure.legend(handles=entries, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _looks(curves: pd.DataFrame) -> Looks:
    """Colour and line style of each model by its label."""
    varied = [column for column in curves if column not in FIXED]
    models = curves.drop_duplicates("model")
    first = models[varied[0]] if varied else models["model"]
    rest = models[varied[1:]].apply(lambda row: ", ".join(map(str, row)), axis=1) if varied[1:] else pd.Series("", models.index)
    colours, styles = _cycle(first, COLOURS), _cycle(rest, STYLES)
    return {model: (colours[colour], styles[line]) for model, colour, line in zip(models["model"], first, rest, strict=True)}


def _cycle(values: pd.Series, looks: Sequence[Any]) -> dict[Any, Any]:
    return {value: looks[index % len(looks)] for index, value in enumerate(dict.fromkeys(values))}


def _draw_panel(axes: Axes, panel: pd.DataFrame, looks: Looks, token: str) -> None:
    for model, curve in panel.groupby("model", sort=False):
        colour, line = looks[model]
        shared = {"data": curve, "x": "step", "color": colour, "legend": False, "ax": axes}
        seaborn.lineplot(**shared, y="train_loss", errorbar=None, zorder=2, **TRAINING)
        seaborn.lineplot(
            **shared, y="validation_loss", errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0},
            linewidth=1.8, linestyle=line, zorder=3,
        )  # fmt: skip
        mean = curve.groupby("step")["validation_loss"].mean().dropna()
        if len(mean):  # a training that diverged at once has no best point
            axes.plot(mean.idxmin(), mean.min(), color=colour, zorder=4, **BEST)
    axes.set_title(panel["title"].iloc[0])
    axes.set_xlabel("")
    axes.set_ylabel(f"loss, nats per {token}")
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


def _legend(looks: Mapping[str, tuple[Any, Any]], curves: pd.DataFrame) -> list[Any]:
    counts = sorted(set(curves.groupby(["corpus", "model"])["seed"].nunique()))
    seeds = "1 seed" if counts == [1] else f"{'–'.join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))} seeds"
    grey = "#555555"
    return [
        *(Line2D([], [], color=colour, linestyle=line, linewidth=1.8, label=model) for model, (colour, line) in looks.items()),
        Line2D([], [], color=grey, linewidth=1.8, label=f"validation, mean of {seeds}"),
        Patch(color=grey, alpha=0.25, linewidth=0, label="validation, lowest to highest seed"),
        Line2D([], [], color=grey, label="training, mean", **TRAINING),
        Line2D([], [], color=grey, label="best validation mean", **BEST),
    ]
