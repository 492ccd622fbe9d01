"""The figure of sampled texts: what each method repeats, how varied its texts are, how likely the model finds them."""

from __future__ import annotations

from matplotlib.figure import Figure

from relab.files import read_csv
from relab.rows.job import Job
from relab.rows.shared.intervals import Panel, draw_intervals

PANELS = (
    Panel("Repeated 4-grams", {"repeated_4grams": "repeated 4-grams"}, "share of 4-grams", unit="%"),
    Panel("Distinct pairs of words", {"distinct_2": "distinct-2"}, "share of pairs", unit="%"),
    Panel("Likely to the model", {"mean_logprob": "log-probability"}, "nats a token"),
)


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"measures": draw_intervals(read_csv(job.file("methods")), "method", PANELS, systems={}, across=3)}
