"""The figure of text as training goes on: how many of its words stand in the corpus, beside held-out text."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from relab.companion_columns import NAMES
from relab.figures import NEUTRAL, STYLES, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.progression.names import DRAWN, HELD_OUT
from relab.rows.shared.curves import REFERENCE, add_legend, entry, label_axes
from relab.rows.shared.intervals import ENDS, in_words
from relab.svg import describe_line

SHARES = [f"words_in_corpus{end}" for end in ENDS]

#: How far the outermost models are drawn from their step, so that intervals stand side by side: a share of all steps.
APART = 0.015


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"words_in_corpus": draw_words(read_csv(job.file("progression")), read_csv(job.file("overlap")))}


def draw_words(progression: pd.DataFrame, overlap: pd.DataFrame) -> Figure:
    """Shares of the words of generated texts that stand in the corpus, by step and model; lines are held-out and drawn text.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(progression, ("step", "model", *SHARES), "the progression has", rows=True)
    require_columns(overlap, ("source", *SHARES), "the overlap has", rows=True)
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    axes = figure.subplots()
    varied = progression.get("model" + NAMES, progression["model"])  # a title that all share tells no colours apart
    names, entries = dict(zip(progression["model"], varied, strict=True)), []
    of_names = colours(varied, by_system=True)
    styles = dict(zip(dict.fromkeys(map(_further, names.values())), itertools.cycle(STYLES), strict=False))
    for number, (model, name) in enumerate(names.items()):
        rows = progression[progression["model"] == model].astype({column: float for column in SHARES})
        steps = rows["step"] + (number - (len(names) - 1) / 2) * APART * progression["step"].max()
        values, low, high = (rows[column] for column in SHARES)
        look = {
            "color": of_names[name],
            "linestyle": styles[_further(name)],
            "marker": "o",
            "markersize": 4.5,
            "linewidth": 1.6,
        }
        bars = axes.errorbar(steps, values, [values - low, high - values], elinewidth=1.1, **look)
        describe_line(
            bars[0],
            model,
            [in_words(f"{model}, step {step:g}", *row, unit="%") for step, *row in rows[["step", *SHARES]].values],
        )
        entries.append(entry(model, **look))
    texts = overlap.set_index("source")["words_in_corpus"].astype(float)
    for text, colour in zip((HELD_OUT, DRAWN), NEUTRAL, strict=True):
        describe_line(axes.axhline(texts[text], color=colour, zorder=1, **REFERENCE), text)
        entries.append(entry(text, color=colour, **REFERENCE))
    label_axes(axes, "step", "words in the corpus")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylim(0, 1.02)
    add_legend(figure, entries)
    return figure


def _further(name: str) -> str:
    """What the name of a model says beyond its first varied key, which is its colour."""
    return name.partition(", ")[2]
