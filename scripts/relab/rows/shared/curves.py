"""The drawing of curves: lines as means over seeds, each with a band from the lowest to the highest seed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from relab.figures import GREY
from relab.svg import describe_line

#: What is measured on the validation text, and, thin and dashed, on the training text.
VALIDATION = {"linewidth": 1.8}
TRAINING = {"linewidth": 1.2, "linestyle": (0, (3, 1.5))}

#: Letters of a line of a label in a legend at most.
LABEL = 34

#: What needs no training, such as chance.
REFERENCE = {"linewidth": 1.4, "linestyle": (0, (1, 1.5))}


def draw_curve(axes: Axes, curves: pd.DataFrame, x: str, y: str, label: str, band: bool = True, **look: Any) -> None:
    """A line of the means of the rows with the same ``x``, and a band from the lowest to the highest of them."""
    lines = len(axes.lines)
    seaborn.lineplot(
        data=curves, x=x, y=y, errorbar=("pi", 100) if band else None, err_kws={"alpha": 0.2, "linewidth": 0}, legend=False,
        ax=axes, **look,
    )  # fmt: skip
    for line in axes.lines[lines:]:
        describe_line(line, label)


def draw_splits(axes: Axes, curves: pd.DataFrame, x: str, measure: str, system: str = "", **look: Any) -> None:
    """The curves of the columns ``train_{measure}`` and ``validation_{measure}`` of a system, which has a colour."""
    for split, label, line in (("train", "training", TRAINING), ("validation", "validation", VALIDATION)):
        draw_curve(axes, curves, x, f"{split}_{measure}", ", ".join(filter(None, (system, label))), **line | look)


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Label the axes of lines over steps or tokens."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))


def entry(label: str, **look: Any) -> Line2D:
    """An entry of a legend: a line."""
    return Line2D([], [], label=label, **{"color": GREY} | look)


def band_entry(label: str) -> Patch:
    """An entry of a legend: a band."""
    return Patch(color=GREY, alpha=0.25, linewidth=0, label=label)


def split_entries(curves: pd.DataFrame, colour: str = GREY, marks: Sequence[Artist] = ()) -> list[Artist]:
    """The entries of what :func:`draw_splits` draws, by the number of seeds; those of marks on the lines stand before the
    band's.
    """
    seeds = curves["seed"].nunique()
    of_seeds = f"mean of {seeds} seeds" if seeds > 1 else "1 seed"
    looks = (("validation", VALIDATION), ("training", TRAINING))
    lines = [entry(f"{split}, {of_seeds}", color=colour, **look) for split, look in looks]
    return [*lines, *marks, *([band_entry("lowest to highest seed")] if seeds > 1 else [])]


def add_legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """A legend in two columns below the panels of a figure; long labels are broken."""
    for artist in entries:
        artist.set_label("\n".join(textwrap.wrap(artist.get_label(), LABEL)))
    figure.legend(handles=entries, loc="outside lower center", ncols=2, handlelength=2.8)
