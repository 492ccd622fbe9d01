"""The figure of models that learn a text by heart: their losses on the way."""

from __future__ import annotations

from matplotlib.figure import Figure

from relab.files import read_csv
from relab.rows.job import Job
from relab.rows.shared.finetuning_figures import draw_losses


def draw(job: Job) -> dict[str, Figure]:
    """The step ``draw``."""
    return {"loss": draw_losses(read_csv(job.file("curve")))}
