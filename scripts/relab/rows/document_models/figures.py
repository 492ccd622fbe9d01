"""The figure of models of documents: loss in bits per byte against the step, with the drops of the learning rate."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from relab.errors import UserError
from relab.figures import COLOURS, WIDTH
from relab.files import read_csv
from relab.rows.job import Job

COLUMNS = ("seed", "step", "train_bits_per_byte", "validation_bits_per_byte", "learning_rate")

_VALIDATION = {"color": COLOURS[0], "linewidth": 1.8}
_TRAINING = {"color": COLOURS[1], "linewidth": 1.2, "linestyle": (0, (3, 1.5))}
_DROP = {"color": COLOURS[2], "linewidth": 1.2, "linestyle": ":"}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": loss_figure(read_csv(job.file("curve")))}


def loss_figure(curves: pd.DataFrame) -> Figure:
    """The figure, from the table ``curve``: means over seeds with a band from the lowest to the highest seed; a line upright
    where a seed's learning rate was lowered on a plateau.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    lacking = [column for column in COLUMNS if column not in curves]
    if lacking or curves.empty:
        raise UserError(f"the curves have {f'no column {lacking[0]!r}' if lacking else 'no row'}")
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    for column, look in (("train_bits_per_byte", _TRAINING), ("validation_bits_per_byte", _VALIDATION)):
        seaborn.lineplot(
            data=curves, x="step", y=column, errorbar=("pi", 100), err_kws={"alpha": 0.2, "linewidth": 0}, legend=False,
            ax=axes, **look,
        )  # fmt: skip
    dropped = drops(curves)
    for step in dropped:
        axes.axvline(step, zorder=1, **_DROP)
    _label(axes)
    handles = _legend(curves["seed"].nunique(), bool(dropped))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.8)
    return figure


def drops(curves: pd.DataFrame) -> list[int]:
    """The steps at which the learning rate of a seed fell at once after it had been constant."""
    steps: set[int] = set()
    for _, curve in curves.sort_values("step").groupby("seed"):
        ratio = curve["learning_rate"] / curve["learning_rate"].shift()
        steps |= set(curve["step"][(ratio < 0.9) & (ratio.shift().fillna(1) == 1)])
    return sorted(steps)


def _label(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.set_ylabel("loss, bits per byte")
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


def _legend(seeds: int, dropped: bool) -> list[Line2D | Patch]:
    of_seeds = f"mean of {seeds} seeds" if seeds > 1 else "1 seed"
    band = [Patch(color="#555555", alpha=0.25, linewidth=0, label="lowest to highest seed")] if seeds > 1 else []
    drop = [Line2D([], [], label="learning rate lowered", **_DROP)] if dropped else []
    return [
        Line2D([], [], label=f"validation, {of_seeds}", **_VALIDATION),
        Line2D([], [], label=f"training, {of_seeds}", **_TRAINING),
        *band,
        *drop,
    ]
