"""The figure of number formats: what each narrower one changes, pair by pair."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from relab.files import read_csv
from relab.rows.job import Job
from relab.rows.shared.intervals import Panel, draw_intervals, spread


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"differences": draw_differences(read_csv(job.file("differences")))}


def draw_differences(differences: pd.DataFrame) -> Figure:
    """A panel a measure: what the weights of each format have beyond those of full precision.

    Raises:
        UserError: where a column is missing or there is no row.
    """
    wide = spread(differences, "weights", "metric", ["difference"])
    panels = [
        Panel(f"{metric}, nats a token" if metric == "loss" else metric, {f"{metric} difference": metric}, reference=0)
        for metric in dict.fromkeys(differences["metric"])
    ]  # fmt: skip
    return draw_intervals(wide, "weights", panels, systems={}, across=3)
