"""Scores of classifiers on frozen features: each on the test split, and pairs of them on the same rows.

Experiments are ``{data set}/{system}`` and ``{data set}/{system} − {other}``, as in :mod:`relab.rows.shared.system_scores`. The
split ``validation`` holds what the penalty was chosen by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.files import read_csv
from relab.predictions import CLASSIFICATION, read_predictions
from relab.rows.classification.names import Spec, pairs
from relab.rows.job import Job
from relab.rows.shared.system_scores import by_system, digest_of, system_scores
from relab.rows.shared.systems import ACCURACY, MACRO_F1, VALIDATION, ClassifierProbe, experiment
from relab.scores import score


def score_classifiers(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    predictions, chosen = (job.by_name(name, spec.order) for name in ("predictions", "chosen"))
    rows = [
        row
        for name in spec.order
        for row in classification_scores(
            spec.probes[name], read_predictions(predictions[name], CLASSIFICATION), read_csv(chosen[name])
        )
    ]
    return {"scores": rows}


def classification_scores(probe: ClassifierProbe, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe. Their data is the labels of the test rows: other rows, other scores."""
    labels, by_seed = by_system(predictions)
    data = digest_of(probe.dataset, labels)
    compared = [(system, reference) for system, reference, _ in pairs(probe.features)]
    yield from system_scores(probe.dataset, probe.classes, labels, by_seed, compared, data)
    for row in chosen.itertuples():
        for metric, value in ((ACCURACY, row.validation_accuracy), (MACRO_F1, row.validation_macro_f1)):
            yield score(experiment(probe.dataset, row.system), row.seed, VALIDATION, metric, value, data)
