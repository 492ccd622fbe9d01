"""The figure of the toy kind."""

from __future__ import annotations

from matplotlib.figure import Figure

from relab.files import read_csv
from relab.rows.job import Job


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    table = read_csv(job.file("main"))
    figure = Figure(figsize=(4, 2), layout="constrained")
    figure.subplots().barh(table["word"], table["count"])
    return {"counts": figure}
