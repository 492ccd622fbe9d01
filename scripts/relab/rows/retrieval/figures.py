"""The figure of retrieval: recall against the number of documents looked at, a panel a data set, a line a system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from relab.figures import COLOURS, WIDTH
from relab.files import read_csv, require_columns
from relab.probes.systems import BM25, fused_system
from relab.rows.job import Job
from relab.rows.shared.curves import GREY, add_legend, entry
from relab.rows.shared.systems import CHANCE

#: Columns that the table must have.
COLUMNS = ("data_set", "queries", "documents", "system", "k", "recall", "low", "high")
#: How far the outermost systems are drawn from the k they belong to, so that their intervals stand side by side: a share of k.
APART = 0.12

_BLACK = COLOURS[4]
_OTHERS = [colour for colour in COLOURS if colour != _BLACK]
_CHANCE = {"color": GREY, "linewidth": 1.4, "linestyle": (0, (1, 1.5))}
_LINE = {"linewidth": 1.5, "markersize": 4}
_BARS = {"elinewidth": 1.1, "capsize": 2}

Looks = dict[str, dict[str, Any]]


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"retrieval": draw_recall(read_csv(job.file("recall")), job.file("recall"))}


def draw_recall(recall: pd.DataFrame, path: str | Path = "a table") -> Figure:
    """The figure, from the table ``recall``: lines with bars of their 95 % intervals over queries, chance dotted.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(recall, COLUMNS, f"{path}: the recalls by rank have", rows=True)
    looks = _looks(list(dict.fromkeys(recall["system"])))
    panels = list(recall.groupby("data_set", sort=False))
    handles = _legend(looks)
    height = 0.5 + 3.5 * len(panels) + 0.22 * -(-len(handles) // 2)  # inches: labels, panels, two columns of the legend
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for axes, (title, panel) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw_panel(axes, panel, looks)
        _label(axes, title, panel)
    add_legend(figure, handles)
    return figure


def _looks(systems: Sequence[str]) -> Looks:
    """Look of each system but chance: a cosine and its fusion share a colour, the fusion is dashed, BM25 is black."""
    looks: Looks = {}
    colours = {BM25: _BLACK}
    for system in systems:
        if system != CHANCE:
            base = system.removesuffix(fused_system(""))
            colour = colours.setdefault(base, _OTHERS[(len(colours) - 1) % len(_OTHERS)])
            dashed = {"linestyle": (0, (4, 1.5)), "marker": "D", "markersize": 3.2} if base != system else {"marker": "o"}
            looks[system] = {**_LINE, "color": colour, **dashed}
    return looks


def _draw_panel(axes: Axes, panel: pd.DataFrame, looks: Looks) -> None:
    drawn = [system for system in dict.fromkeys(panel["system"]) if system != CHANCE]
    shifts = dict(zip(drawn, 1 + np.linspace(-APART, APART, len(drawn)), strict=True))
    for system, curve in panel.groupby("system", sort=False):
        curve = curve.sort_values("k")
        if system == CHANCE:
            axes.plot(curve["k"], curve["recall"], **_CHANCE)
            continue
        ends = np.abs(curve[["low", "high"]].sub(curve["recall"], axis=0).to_numpy().T)
        axes.errorbar(curve["k"] * shifts[system], curve["recall"], ends, **looks[system], **_BARS)


def _label(axes: Axes, title: str, panel: pd.DataFrame) -> None:
    first = panel.iloc[0]
    axes.set_title(title)
    axes.set_xscale("log")
    axes.set_xlabel(f"k, documents looked at of {first['documents']:,} (log scale)")
    axes.set_ylabel(f"recall@k, mean over {first['queries']:,} queries")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(panel["k"]))))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _legend(looks: Looks) -> list[Line2D]:
    """Cosines, BM25 and chance in the first column, fusions and what the bars are in the second."""
    lines = {system: entry(system, **look) for system, look in looks.items()}
    return [
        *(line for system, line in lines.items() if not system.endswith(fused_system(""))),
        entry("a random ranking, expected", **_CHANCE),
        *(line for system, line in lines.items() if system.endswith(fused_system(""))),
        entry("95 % interval over queries", color=GREY, linestyle="none", marker="|", markersize=9),
    ]
