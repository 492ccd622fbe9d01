"""The figure of tokenizers: how long documents become, beside the length at which they are cut."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from relab.figures import NEUTRAL, STYLES, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import REFERENCE, add_legend, entry
from relab.svg import describe_line


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"lengths_of_documents": draw_lengths(read_csv(job.file("lengths")), job.spec["limit"])}


def draw_lengths(lengths: pd.DataFrame, limit: int) -> Figure:
    """The share of documents that have at most so many tokens, a line a tokenizer.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(lengths, ("tokenizer", "tokens", "share"), "the lengths have", rows=True)
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    entries = []
    for (name, colour), style in zip(colours(lengths["tokenizer"]).items(), STYLES * len(lengths), strict=False):
        rows = lengths[lengths["tokenizer"] == name]
        look = {"color": colour, "linestyle": style, "linewidth": 1.8}
        (line,) = axes.plot(rows["tokens"], rows["share"].astype(float), **look)
        describe_line(line, name)
        entries.append(entry(name, **look))
    axes.axvline(limit, color=NEUTRAL[0], zorder=1, label="_limit", **REFERENCE)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("tokens of a document (log scale)")
    axes.set_ylabel("documents of at most so many")
    add_legend(figure, [*entries, entry(f"cut to {limit:,} tokens", color=NEUTRAL[0], **REFERENCE)])
    return figure
