"""The drawing of estimates with their intervals: a panel a measure, a line a system; differences have a line at zero."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from relab.figures import GREY, WIDTH, colours
from relab.files import require_columns
from relab.rows.shared.curves import REFERENCE, add_legend, entry
from relab.svg import describe_line

#: Letters of a line of a name at most, by the number of panels beside each other.
NAME = {1: 42, 2: 30, 3: 24}

#: What the columns of a value and of the ends of its interval end with.
ENDS = ("", "_low", "_high")

#: Units of shares by what stands behind a number.
HUNDREDTHS = {"%": "%", "points": ""}

#: Where several values of a system stand in one panel: their marks, in order.
MARKS = ({"marker": "o"}, {"marker": "D", "markerfacecolor": "white"}, {"marker": "s"}, {"marker": "^"})


@dataclass(frozen=True)
class Panel:
    """What a panel shows of a table: columns, which have ends (:data:`ENDS`), by what a legend calls them."""

    title: str
    columns: Mapping[str, str]
    label: str = ""  #: of the axis, with the unit
    unit: str = ""  #: of what its values are in words; shares are shown in ``%`` or ``points``
    log: bool = False
    reference: float | None = None  #: where a line stands, such as 0 of differences


def spread(table: pd.DataFrame, name: str, by: str, columns: Collection[str]) -> pd.DataFrame:
    """A line a name, with columns ``{value} {column}`` and their ends for each value of ``by``: a panel each.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    ends = [f"{column}{end}" for column in columns for end in ENDS]
    require_columns(table, [name, by, *ends], "the table has", rows=True)
    parts = table.drop_duplicates([name, by]).groupby(by, sort=False)
    wide = pd.concat([part.set_index(name)[ends].add_prefix(f"{value} ") for value, part in parts], axis=1)
    return wide.loc[list(dict.fromkeys(table[name]))].rename_axis(name).reset_index()


def draw_intervals(
    table: pd.DataFrame, name: str, panels: Collection[Panel], systems: Mapping[str, str] | None = None,
    baselines: Collection[str] = (), across: int = 2,
) -> Figure:  # fmt: skip
    """A mark with its 95 % interval for each line of a table, at the height of its name, in the order of the table.

    ``systems`` are what names are of, by which they are coloured: themselves by default. Names of none are grey: filled where
    the interval leaves out the reference, hollow where it holds it. An interval that is not known is not drawn.

    Raises:
        UserError: where a column is missing or there is no row.
    """  # fmt: skip
    require_columns(table, [name, *(column for panel in panels for column in panel.columns)], "the table has", rows=True)
    names = list(dict.fromkeys(table[name].astype(str)))
    systems = {label: label for label in names} if systems is None else systems
    of_system = colours(systems.values(), baselines, by_system=True)
    looks = {label: of_system[systems[label]] if label in systems else None for label in names}
    across = min(across, len(panels))
    down = -(-len(panels) // across)
    legend = [] if all(len(panel.columns) == 1 for panel in panels) else list(next(iter(panels)).columns.values())
    shown_names = [textwrap.fill(label, NAME[across], break_on_hyphens=False) for label in names]
    lines = np.array([max(1.4, 0.2 + 1 + label.count("\n")) for label in shown_names])
    heights = dict(zip(names, np.cumsum(lines) - lines / 2, strict=True))
    figure = Figure(figsize=(WIDTH, down * (0.8 + 0.16 * lines.sum()) + (0.3 if legend else 0)), layout="constrained")
    shown = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for axes, panel in zip(shown, panels, strict=False):
        _draw_panel(axes, table, [(label, heights[label], looks[label]) for label in table[name].astype(str)], panel)
        axes.set_yticks(list(heights.values()), shown_names, fontsize=9)
    for axes in shown[len(panels) :]:
        axes.set_axis_off()
    shown[0].set_ylim(lines.sum(), 0)
    if legend:
        add_legend(figure, [entry(label, linestyle="none", **look) for label, look in zip(legend, MARKS, strict=False)])
    return figure


def _draw_panel(axes: Axes, table: pd.DataFrame, lines: Sequence[tuple[str, float, str | None]], panel: Panel) -> None:
    """The marks of a panel; ``lines`` are the name of each line of the table, its height, its colour if it has one."""
    shifts = 0.45 * (np.arange(len(panel.columns)) - (len(panel.columns) - 1) / 2)
    for (column, meaning), shift, mark in zip(panel.columns.items(), shifts, MARKS, strict=False):
        ends = table.reindex(columns=[f"{column}{end}" for end in ENDS])
        numbers = ends.apply(pd.to_numeric, errors="coerce").to_numpy(float)
        for (label, height, colour), (value, low, high) in zip(lines, numbers, strict=True):
            look = {"color": colour or GREY, **mark}
            if colour is None and panel.reference is not None and low <= panel.reference <= high:
                look["markerfacecolor"] = "white"
            if not np.isnan([low, high]).any():
                axes.plot([low, high], [height + shift] * 2, color=look["color"], linewidth=1.3, label="_interval")
            if not np.isnan(value):
                (line,) = axes.plot([value], [height + shift], markersize=5, linestyle="none", **look)
                describe_line(line, label, [in_words(f"{label}, {meaning}", value, low, high, panel.unit)])
    _label(axes, panel)


def _label(axes: Axes, panel: Panel) -> None:
    if panel.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    if panel.unit in HUNDREDTHS:
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}{HUNDREDTHS[panel.unit]}".replace("-", "−"))
        )
    if panel.reference is not None:
        axes.axvline(panel.reference, color=GREY, zorder=1, label="_reference", **REFERENCE)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(visible=False, axis="y")
    axes.set_title(panel.title, fontsize=10)
    axes.set_xlabel(panel.label, fontsize=9.5)


def in_words(name: str, value: float, low: float, high: float, unit: str = "") -> str:
    """A value with its interval in words, such as *greedy: 12.0% [8.1%, 15.3%]* or *a − b: −1.2 [−3.4, 1.0] points*."""
    sign = HUNDREDTHS.get(unit, "")
    numbers = [f"{100 * number:.1f}{sign}" if unit in HUNDREDTHS else f"{number:.4g}" for number in (value, low, high)]
    ends = "" if np.isnan([low, high]).any() else f" [{numbers[1]}, {numbers[2]}]"
    return f"{name}: " + f"{numbers[0]}{ends} {'' if sign else unit}".strip().replace("-", "−")
