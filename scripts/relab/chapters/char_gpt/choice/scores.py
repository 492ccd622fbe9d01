"""A8's scores: the accuracy of each system on the test split, beside chance, and of trained scorers beside the floors.

Experiments are ``{data set}/{system}``, ``{data set}/chance`` and ``{data set}/{system} − {other}`` for each trained scorer
beside the cosine of its features and beside the longest choice; ``n`` counts questions.

``accuracy`` has a row a seed, question by question, and on the split ``validation`` the accuracy that the epoch was chosen by.
Differences are of the mean over seeds, paired question by question; they have the seed 0. Chance is an expectation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.chapters.char_gpt.choice.names import ACCURACY, CHANCE, SPLIT, VALIDATION, Probe, experiment, hits
from relab.probes.answers import LONGEST, cosine, systems
from relab.scores import score
from relab.statistics import Measurement, difference, identity


def choice_scores(probe: Probe, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe.

    Args:
        predictions: as :func:`relab.probes.answers.read` gives them.
        chosen: the columns ``system``, ``seed``, ``validation_accuracy``, ``validation_questions``.
    """
    first = predictions.drop_duplicates("row")
    data = identity(probe.dataset, first["answer"].tolist(), first["choices"].tolist())
    yield from _chance(probe, first, data)
    measured = {system: _measured(predictions, system, data) for system in systems(probe)}
    for system, seeds in measured.items():
        for seed, one in seeds.items():
            yield score(experiment(probe.dataset, system), seed, SPLIT, ACCURACY, one, data)
    for system, features in probe.trained.items():
        for other in (cosine(features), LONGEST):
            beyond = difference(measured[system], measured[other])
            yield score(experiment(probe.dataset, system, other), 0, SPLIT, ACCURACY, beyond, data)
    for row in chosen.itertuples():
        accuracy = Measurement.alone(row.validation_accuracy)
        yield score(experiment(probe.dataset, row.system), row.seed, VALIDATION, ACCURACY, accuracy, data)


def _chance(probe: Probe, questions: pd.DataFrame, data: str) -> Iterator[dict[str, Any]]:
    value = Measurement.exactly((1 / questions["choices"]).mean())
    yield score(experiment(probe.dataset, CHANCE), 0, SPLIT, ACCURACY, value, data)


def _measured(predictions: pd.DataFrame, system: str, data: str) -> dict[int, Measurement]:
    return {seed: Measurement.of(right, "question", data, "share") for seed, right in hits(predictions, system).items()}
