"""The sampled texts of each model."""

from __future__ import annotations

from relab.rows.job import Job
from relab.rows.memorisation.names import ScoreSpec
from relab.texts.samples import Texts, read_samplings


def samplings(job: Job, spec: ScoreSpec) -> dict[str, Texts]:
    """The sampled texts by model, the base's among them."""
    return dict(zip(spec.samplings, read_samplings(job.files("samples"), list(spec.samplings.values())), strict=True))
