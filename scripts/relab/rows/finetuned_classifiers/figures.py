"""The figure of fine-tuned classifiers: loss and accuracy over the epochs, on training and validation rows."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from relab.errors import UserError
from relab.figures import COLOURS, WIDTH
from relab.files import read_csv
from relab.rows.job import Job

COLUMNS = ("data_set", "network", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")

_LOOKS = {
    "validation": {"color": COLOURS[0], "linewidth": 1.8, "marker": "o", "markersize": 4},
    "train": {"color": COLOURS[1], "linewidth": 1.2, "linestyle": (0, (3, 1.5)), "marker": "D", "markersize": 3},
}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"classifiers": draw_classifiers(read_csv(job.file("curves")))}


def draw_classifiers(curves: pd.DataFrame) -> Figure:
    """A column of two panels a network and data set: losses above accuracies, means over seeds with a band from the lowest to
    the highest seed.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    lacking = [column for column in COLUMNS if column not in curves]
    if lacking or curves.empty:
        raise UserError(f"the table of curves has {f'no column {lacking[0]!r}' if lacking else 'no row'}")
    shown = list(curves.groupby(["data_set", "network"], sort=False))
    several = curves["data_set"].nunique() > 1
    figure = Figure(figsize=(max(WIDTH, 2.1 * len(shown)), 4.8), layout="constrained")
    panels = figure.subplots(2, len(shown), sharey="row", squeeze=False)
    for (loss, accuracy), ((data_set, network), rows) in zip(panels.T, shown, strict=True):
        for split in _LOOKS:
            _draw(loss, rows, f"{split}_loss", split)
            _draw(accuracy, rows, f"{split}_accuracy", split)
        loss.set_title(f"{network}\n{data_set}" if several else network.replace(", ", ",\n"), fontsize=9.5)
        loss.set_xlabel("")
        accuracy.set_xlabel("epoch")
        loss.set_ylabel("loss, nats a row")
        accuracy.set_ylabel("accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for axes in (loss, accuracy):
            axes.label_outer()
            axes.margins(x=0.06)
    labels = {"validation": "validation", "train": "training, since the evaluation before"}
    handles = [Line2D([], [], label=labels[split], **look) for split, look in _LOOKS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, column: str, split: str) -> None:
    seaborn.lineplot(
        data=rows.dropna(subset=column), x="epoch", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0},
        legend=False, ax=axes, **_LOOKS[split],
    )  # fmt: skip
