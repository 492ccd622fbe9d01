"""The figure of the memory of training: what it is made of, by size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from relab.figures import NEUTRAL, WIDTH
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import add_legend
from relab.svg import describe_line

#: The parts of the memory from the bottom, with their looks: no systems, so that shades and hatches tell them apart.
PARTS = {
    "weights": {"color": "#333333"},
    "gradients": {"color": "#777777"},
    "optimizer": {"color": "#B4B4B4"},
    "activations": {"facecolor": "white", "edgecolor": "#555555", "hatch": "////"},
}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"memory_parts": draw_memory(read_csv(job.file("memory")))}


def draw_memory(memory: pd.DataFrame) -> Figure:
    """A bar a size, made of the parts of its memory, with the total at its end.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(memory, ("name", "batch", "tokens", "total", *PARTS), "the memory has", rows=True)
    figure = Figure(figsize=(WIDTH, 1.3 + 0.42 * len(memory)), layout="constrained")
    axes = figure.subplots()
    heights = range(len(memory))
    start = pd.Series(0.0, memory.index)
    for part, look in PARTS.items():
        axes.barh(heights, memory[part].astype(float), 0.62, left=start, linewidth=0.6, **look)
        start += memory[part].astype(float)
    totals = memory["total"].astype(float)
    for height, total in zip(heights, totals, strict=True):
        axes.annotate(f"{total:.1f}", (total, height), (4, 0), textcoords="offset points", va="center", fontsize=9.5)
    words = [
        f"{row['name']}: {float(row['total']):.2f} GB; " + ", ".join(f"{part} {float(row[part]):.2f}" for part in PARTS)
        for row in memory.to_dict("records")
    ]
    (ends,) = axes.plot(totals, heights, "|", color=NEUTRAL[0], markersize=13)
    describe_line(ends, "total", words)
    axes.set_yticks(heights, memory["name"])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    first = memory.iloc[0]
    axes.set_xlabel(f"GB (10⁹ bytes) in training, batch {first['batch']} of {first['tokens']} tokens")
    add_legend(figure, [Patch(label=part, linewidth=0.6, **look) for part, look in PARTS.items()])
    return figure
