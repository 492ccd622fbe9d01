"""The figure of words: how probable each greedy word is to a model, at the temperature and at 1, and to the grammar."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from relab.figures import NEUTRAL, WIDTH, colours
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.curves import add_legend, entry
from relab.svg import describe_line

#: Columns of probabilities with what a legend says and the looks of their marks.
PROBABILITIES = {
    "greedy_probability": ("the model, as printed, at the temperature", {"marker": "o"}),
    "greedy_model_probability": ("the model itself, at temperature 1", {"marker": "D", "markerfacecolor": "white"}),
    "greedy_grammar_probability": ("the grammar, where it goes on", {"marker": "_", "markersize": 12, "markeredgewidth": 2}),
}


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"probabilities": draw_words(read_csv(job.file("words")), job.spec["model"])}


def draw_words(words: pd.DataFrame, model: str) -> Figure:
    """A panel a prompt: the greedy words in order, with their probabilities, by the lowest seed.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(
        words, ("prompt", "temperature", "seed", "step", "greedy_word", *PROBABILITIES), "the words have", rows=True
    )
    words = words[words["seed"] == words["seed"].min()]
    panels = list(words.groupby(["prompt", "temperature"], sort=False))
    colour = colours([model])[model]
    colour_by_column = dict.fromkeys(PROBABILITIES, colour) | {"greedy_grammar_probability": NEUTRAL[0]}
    figure = Figure(figsize=(WIDTH, 0.6 + 1.2 * len(panels)), layout="constrained")
    for axes, ((prompt, temperature), rows) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw_prompt(axes, rows, colour_by_column)
        axes.set_title(f"{prompt} …, T {temperature:g}")
    figure.supylabel("probability", fontsize=10)
    looks = {column: look for column, (_, look) in PROBABILITIES.items()}
    labels = {column: label for column, (label, _) in PROBABILITIES.items()}
    add_legend(
        figure, [entry(labels[name], color=colour_by_column[name], linestyle="none", **look) for name, look in looks.items()]
    )
    return figure


def _draw_prompt(axes: Axes, rows: pd.DataFrame, colour_by_column: dict[str, str]) -> None:
    for column, (label, look) in PROBABILITIES.items():
        known = rows[pd.to_numeric(rows[column], errors="coerce").notna()]
        values = known[column].astype(float)
        (line,) = axes.plot(
            known["step"], values, linestyle="none", color=colour_by_column[column], **{"markersize": 5, **look}
        )
        describe_line(
            line, label, [f"{word}, {label}: {value:.1%}" for word, value in zip(known["greedy_word"], values, strict=True)]
        )
    axes.set_xticks(rows["step"], rows["greedy_word"], fontsize=9)
    axes.set_ylim(-0.04, 1.06)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
