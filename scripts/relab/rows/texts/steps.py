"""The steps of a row of sampled texts."""

from __future__ import annotations

from typing import Any

from relab.rows.job import MAIN, Job
from relab.scores import Summaries
from relab.texts.samples import Texts, read_samplings
from relab.texts.scores import text_scores
from relab.texts.tables import methods_table, texts_table


def score(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    return {"scores": text_scores(_samplings(job))}


def tabulate(job: Job) -> dict[str, Any]:
    """The step ``tabulate``."""
    samplings = _samplings(job)
    scores = Summaries.read(job.file("scores"))
    return {MAIN: methods_table(samplings, scores), "texts": texts_table(samplings)}


def _samplings(job: Job) -> list[Texts]:
    return read_samplings(job.files("samples"), job.spec["samplings"])
