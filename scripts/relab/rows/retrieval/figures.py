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

from relab.figures import GREY, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.probes.systems import BM25, fused_system
from relab.rows.job import Job
from relab.rows.shared.curves import REFERENCE, add_legend, entry
from relab.rows.shared.intervals import Panel, draw_intervals, in_words, spread
from relab.rows.shared.systems import CHANCE
from relab.svg import describe_line

#: Columns that the table must have.
COLUMNS = ("data_set", "queries", "documents", "system", "k", "recall", "low", "high")
#: How far the outermost systems are drawn from the k they belong to, so that their intervals stand side by side: a share of k.
APART = 0.12

_CHANCE = {"color": GREY, **REFERENCE}
_LINE = {"linewidth": 1.5, "markersize": 4}
_BARS = {"elinewidth": 1.1, "capsize": 2}

Looks = dict[str, dict[str, Any]]


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {
        "retrieval": draw_recall(read_csv(job.file("recall")), job.file("recall")),
        "retrieval_measures": draw_measures(read_csv(job.file("systems"))),
    }


def draw_measures(systems: pd.DataFrame) -> Figure:
    """nDCG@10 of each way of ranking, and what it has beyond BM25 query by query, two panels a data set.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    wide = spread(systems, "system", "data_set", ["ndcg_10", "difference"])
    panels = []
    for data_set in dict.fromkeys(systems["data_set"]):
        panels.append(Panel(data_set, {f"{data_set} ndcg_10": "nDCG@10"}, "nDCG@10"))
        panels.append(Panel(f"Beyond {BM25}", {f"{data_set} difference": "difference"}, "difference of nDCG@10", reference=0))
    system_by_name = {system: system.removesuffix(fused_system("")) for system in wide["system"]}
    return draw_intervals(wide, "system", panels, system_by_name, [CHANCE, BM25])


def draw_recall(recall: pd.DataFrame, path: str | Path = "a table") -> Figure:
    """The figure, from the table ``recall``: lines with bars of their 95 % intervals over queries, chance dotted.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(recall, COLUMNS, f"{path}: the recalls by rank have", rows=True)
    looks = _looks(list(dict.fromkeys(recall["system"])))
    panels = list(recall.groupby("data_set", sort=False))
    handles = _legend(looks)
    height = 0.5 + 2.9 * len(panels) + 0.22 * -(-len(handles) // 2)  # inches: labels, panels, two columns of the legend
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for axes, (title, panel) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw_panel(axes, panel, looks)
        _label(axes, title, panel)
    add_legend(figure, handles)
    return figure


def _looks(systems: Sequence[str]) -> Looks:
    """Look of each system but chance: a cosine and its fusion share a colour, the fusion is dashed."""
    bases = {system: system.removesuffix(fused_system("")) for system in systems if system != CHANCE}
    of_bases = colours(bases.values(), [BM25])
    fused = {"linestyle": (0, (4, 1.5)), "marker": "D", "markersize": 3.2}
    return {
        system: {**_LINE, "color": of_bases[base], **(fused if base != system else {"marker": "o"})}
        for system, base in bases.items()
    }


def _draw_panel(axes: Axes, panel: pd.DataFrame, looks: Looks) -> None:
    drawn = [system for system in dict.fromkeys(panel["system"]) if system != CHANCE]
    shifts = dict(zip(drawn, 1 + np.linspace(-APART, APART, len(drawn)), strict=True))
    for system, curve in panel.groupby("system", sort=False):
        curve = curve.sort_values("k")
        if system == CHANCE:
            describe_line(axes.plot(curve["k"], curve["recall"], **_CHANCE)[0], system)
            continue
        ends = np.abs(curve[["low", "high"]].sub(curve["recall"], axis=0).to_numpy().T)
        bars = axes.errorbar(curve["k"] * shifts[system], curve["recall"], ends, **looks[system], **_BARS)
        describe_line(
            bars[0],
            system,
            [in_words(f"{system}, k = {k:g}", *values) for k, *values in curve[["k", "recall", "low", "high"]].values],
        )


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
        entry("95 % interval over queries", linestyle="none", marker="|", markersize=9),
    ]
