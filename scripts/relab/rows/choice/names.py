"""What the jobs of a row share: their settings, the names of systems, the predictions of all probes."""

from __future__ import annotations

import pandas as pd

from relab.predictions import read_ranker_predictions
from relab.probes.systems import scorer_system
from relab.rows.job import Job
from relab.rows.shared.shown_probes import ShownProbes
from relab.settings.probes import Ranker

Spec = ShownProbes[Ranker]


def trained_systems(probe: Ranker) -> dict[str, str]:
    """The trained systems of a probe, each with the features that it is trained on."""
    return {scorer_system(features, scorer): features for features in probe.features for scorer in probe.scorers}


def read_predictions(job: Job, spec: Spec) -> dict[str, pd.DataFrame]:
    """The predictions of each probe in the order of tables.

    Raises:
        UserError: a file that is missing or not asked for, or that :func:`relab.predictions.read_ranker_predictions` refuses.
    """
    files = job.by_name("predictions", spec.probes)
    return {name: read_ranker_predictions(files[name], spec.probes[name]) for name in spec.order}
