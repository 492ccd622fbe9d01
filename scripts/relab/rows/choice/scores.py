"""Scores of chosen answers: the accuracy of each system on the test split, beside chance, of trained scorers beside baselines.

Experiments are ``{data set}/{system}``, ``{data set}/chance`` and ``{data set}/{system} − {other}`` for each trained scorer
beside the cosine of its features and beside the longest choice; ``n`` counts questions.

``accuracy`` has a row a seed, question by question, and on the split ``validation`` the accuracy that the epoch was chosen by.
Differences are of the mean over seeds, paired question by question; they have the seed 0. Chance is an expectation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.files import read_csv
from relab.probes.systems import LONGEST, cosine_system, ranker_systems
from relab.rows.choice.names import Spec, read_predictions, trained_systems
from relab.rows.job import Job
from relab.rows.shared.systems import ACCURACY, CHANCE, SPLIT, VALIDATION, experiment
from relab.scores import exact, score
from relab.settings.probes import Ranker
from relab.statistics import Measurement, difference, units_digest


def score_choices(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    chosen = job.by_name("chosen", spec.probes)
    rows = [
        row
        for name, predictions in read_predictions(job, spec).items()
        for row in choice_scores(spec.probes[name], predictions, read_csv(chosen[name]))
    ]
    return {"scores": rows}


def choice_scores(probe: Ranker, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe; predictions are as :func:`relab.predictions.read_ranker_predictions` returns them."""
    questions = predictions.drop_duplicates("row")
    data = units_digest(probe.dataset, questions["answer"].tolist(), questions["choices"].tolist())
    chance = (1 / questions["choices"]).mean()
    yield exact(experiment(probe.dataset, CHANCE), 0, SPLIT, ACCURACY, chance, data)
    measured = {system: _measured(predictions, system, data) for system in ranker_systems(probe)}
    for system, seeds in measured.items():
        for seed, accuracy in seeds.items():
            yield score(experiment(probe.dataset, system), seed, SPLIT, ACCURACY, accuracy, data)
    for system, features in trained_systems(probe).items():
        for baseline in (cosine_system(features), LONGEST):
            beyond = difference(measured[system], measured[baseline])
            yield score(experiment(probe.dataset, system, baseline), 0, SPLIT, ACCURACY, beyond, data)
    for row in chosen.itertuples():
        yield score(experiment(probe.dataset, row.system), row.seed, VALIDATION, ACCURACY, row.validation_accuracy, data)


def _measured(predictions: pd.DataFrame, system: str, data: str) -> dict[int, Measurement]:
    """Which questions a system answers rightly, in the order of rows, by seed."""
    rows = predictions[predictions["system"] == system]
    right = (rows["prediction"] == rows["answer"]).astype(float)
    return {
        int(seed): Measurement.of(values.to_numpy(), "question", data, "share") for seed, values in right.groupby(rows["seed"])
    }
