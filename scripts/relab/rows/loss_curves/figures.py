"""The figure of losses: loss against step, a panel a corpus, a colour and a line style a group of models."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relab.companion_columns import NAMES
from relab.figures import STYLES, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import add_legend, band_entry, draw_curve, entry, label_axes

#: Columns that the curves must have; beside what the page calls a model may stand what tells it from others.
REQUIRED = ("corpus", "title", "model", "seed", "step", "train_loss", "validation_loss")
FIXED = (*REQUIRED, "model" + NAMES)  #: that are not varied keys

#: How the training loss and the best point are drawn.
TRAINING = {"linewidth": 1, "linestyle": (0, (2, 1.5)), "alpha": 0.6}
BEST = {"marker": "o", "linestyle": "", "markeredgecolor": "white", "markersize": 7}

Looks = dict[str, tuple[Any, Any]]


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": draw_losses(read_csv(job.file("curves")), job.spec["token"])}


def draw_losses(curves: pd.DataFrame, token: str = "token") -> Figure:
    """The figure, from the table of curves: validation loss with its best point marked, the training loss thin behind it.

    The first varied key (such as the width) is the colour, the others the line style; ``token`` is what models predict.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(curves, REQUIRED, "the loss curves have", rows=True)
    looks = _looks(curves)
    panels = list(curves.groupby("corpus", sort=False))
    entries = _legend(looks, curves)
    height = 0.5 + 2.0 * len(panels) + 0.22 * -(-len(entries) // 2)  # inches: labels, panels, two columns of the legend
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for axes, (_, panel) in zip(figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0], panels, strict=True):
        _draw_panel(axes, panel, looks, token)
    axes.set_xlabel("step")
    add_legend(figure, entries)
    return figure


def _looks(curves: pd.DataFrame) -> Looks:
    """Colour and line style of each model by its label."""
    varied = [column for column in curves if column not in FIXED]
    models = curves.drop_duplicates("model")
    first = models[varied[0]] if varied else models["model"]
    rest = models[varied[1:]].apply(lambda row: ", ".join(map(str, row)), axis=1) if varied[1:] else pd.Series("", models.index)
    first = [f"{varied[0]} {value}" for value in first] if varied else list(first)
    of_systems, styles = colours(first), dict(zip(dict.fromkeys(rest), itertools.cycle(STYLES), strict=False))
    return {model: (of_systems[name], styles[line]) for model, name, line in zip(models["model"], first, rest, strict=True)}


def _draw_panel(axes: Axes, panel: pd.DataFrame, looks: Looks, token: str) -> None:
    for model, curve in panel.groupby("model", sort=False):
        colour, line = looks[model]
        draw_curve(axes, curve, "step", "train_loss", f"{model}, training", band=False, color=colour, zorder=2, **TRAINING)
        draw_curve(
            axes,
            curve,
            "step",
            "validation_loss",
            f"{model}, validation",
            color=colour,
            linewidth=1.8,
            linestyle=line,
            zorder=3,
        )
        mean = curve.groupby("step")["validation_loss"].mean().dropna()
        if len(mean):  # a training that diverged at once has no best point
            axes.plot(mean.idxmin(), mean.min(), color=colour, zorder=4, label="_best", **BEST)
    axes.set_title(panel["title"].iloc[0])
    label_axes(axes, "", f"loss, nats per {token}")


def _legend(looks: Looks, curves: pd.DataFrame) -> list[Artist]:
    counts = sorted(set(curves.groupby(["corpus", "model"])["seed"].nunique()))
    seeds = "1 seed" if counts == [1] else f"{'–'.join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))} seeds"
    return [
        *(entry(model, color=colour, linestyle=line, linewidth=1.8) for model, (colour, line) in looks.items()),
        entry(f"validation, mean of {seeds}", linewidth=1.8),
        band_entry("validation, lowest to highest seed"),
        entry("training, mean", **TRAINING),
        entry("best validation mean", **BEST),
    ]
