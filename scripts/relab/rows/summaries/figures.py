"""The figure of summaries: how much of each is new, what it repeats and how long it is, beside the baselines."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.intervals import Panel, draw_intervals
from relab.rows.summaries.names import BASELINE

PANELS = (
    Panel("Novel 2-grams", {"novel_2grams": "novel 2-grams"}, "share of 2-grams", unit="%"),
    Panel("Repeated 4-grams", {"repeated_4grams": "repeated 4-grams"}, "share of 4-grams", unit="%"),
    Panel("Length", {"words": "length"}, "words", unit="words"),
)


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"measures": draw_summaries(read_csv(job.file("systems")))}


def draw_summaries(systems: pd.DataFrame) -> Figure:
    """A way of asking or a baseline a row, in the order of the table; the model's name where there are several.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    require_columns(systems, ("model", "method"), "the table of systems has", rows=True)
    are_baselines = systems["model"] == BASELINE
    several = systems.loc[~are_baselines, "model"].nunique() > 1
    names = systems["method"].where(~are_baselines, systems["method"] + f" ({BASELINE})")
    if several:
        names = names.where(are_baselines, systems["model"] + ": " + systems["method"])
    return draw_intervals(systems.assign(name=names), "name", PANELS, baselines=names[are_baselines], across=3)
