"""What the jobs of a row share: their settings, the names of systems, the predictions of all probes."""

from __future__ import annotations

import pandas as pd

from relab.probes import answers
from relab.rows.job import Job
from relab.rows.shared.shown_probes import ShownProbes, TitledProbes
from relab.settings.probes import Ranker

#: Taking one of the choices blindly.
CHANCE = "chance"

Spec = ShownProbes[Ranker]
TableSpec = TitledProbes[Ranker]


def trained_systems(probe: Ranker) -> dict[str, str]:
    """The trained systems of a probe, each with the features that it is trained on."""
    return {answers.trained(features, scorer): features for features in probe.features for scorer in probe.scorers}


def read_predictions(job: Job, spec: Spec) -> dict[str, pd.DataFrame]:
    """The predictions of each probe in the order of tables.

    Raises:
        UserError: a file that is missing or not asked for, or that :func:`relab.probes.answers.read` refuses.
    """
    files = job.by_name("predictions", spec.probes)
    return {name: answers.read(files[name], spec.probes[name]) for name in spec.order}
