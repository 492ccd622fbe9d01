"""A8's scores: the accuracy of each system on the test split, beside chance, and of trained scorers beside the floors.

Experiments are ``{data set}/{system}``, ``{data set}/chance`` and ``{data set}/{system} − {other}`` for each trained scorer
beside the cosine of its features and beside the longest choice; ``n`` counts questions.

``accuracy`` has a row a seed, with a 95 % bootstrap interval over questions, and on the split ``validation`` the accuracy that
the epoch was chosen by. ``accuracy, mean over seeds`` is one row, of the seed 0, a trained scorer: what its summary over seeds
is too, but with the interval of that mean over questions. Differences are of that mean, paired question by question; they have
the seed 0. Chance is an expectation and has no interval.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from relab.chapters.char_gpt.choice.names import ACCURACY, CHANCE, OVER_SEEDS, SPLIT, VALIDATION, Probe, experiment, hits
from relab.probes.answers import LONGEST, cosine, systems
from relab.scores import NAN, score
from relab.settings.base import canonical

RESAMPLES = 2000


def choice_scores(probe: Probe, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """All scores of one probe.

    Args:
        predictions: as :func:`relab.probes.answers.read` gives them.
        chosen: the columns ``system``, ``seed``, ``validation_accuracy``, ``validation_questions``.
    """
    first = predictions.drop_duplicates("row")
    told = [probe.dataset, first["answer"].tolist(), first["choices"].tolist()]
    data = hashlib.sha256(canonical(told).encode()).hexdigest()[:12]
    rows = (*_chance(probe, first), *_systems(probe, predictions), *_differences(probe, predictions), *_chosen(probe, chosen))
    yield from ({**row, "data": data} for row in rows)


def _chance(probe: Probe, questions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    value = float((1 / questions["choices"]).mean())
    yield score(experiment(probe.dataset, CHANCE), 0, SPLIT, ACCURACY, value, len(questions))


def _systems(probe: Probe, predictions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for system in systems(probe):
        name, own = experiment(probe.dataset, system), hits(predictions, system)
        for seed, right in own.items():
            yield score(name, seed, SPLIT, ACCURACY, *with_interval(right))
        if system in probe.trained:
            yield score(name, 0, SPLIT, OVER_SEEDS, *with_interval(np.mean(list(own.values()), axis=0)))


def _differences(probe: Probe, predictions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for system, features in probe.trained.items():
        mean = np.mean(list(hits(predictions, system).values()), axis=0)
        for other in (cosine(features), LONGEST):
            beyond = mean - hits(predictions, other)[0]
            yield score(experiment(probe.dataset, system, other), 0, SPLIT, ACCURACY, *with_interval(beyond))


def _chosen(probe: Probe, chosen: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in chosen.itertuples():
        value, number = row.validation_accuracy, row.validation_questions
        yield score(experiment(probe.dataset, row.system), row.seed, VALIDATION, ACCURACY, value, number)


def with_interval(values: np.ndarray) -> tuple[float, int, float, float]:
    """Mean, number, and the ends of the 95 % percentile bootstrap interval of the mean, missing for fewer than two values."""
    if len(values) < 2:
        return float(np.mean(values)), len(values), NAN, NAN
    drawn = bootstrap(
        (values,), np.mean, vectorized=True, method="percentile", n_resamples=RESAMPLES, batch=200, rng=0
    ).confidence_interval
    return float(np.mean(values)), len(values), float(drawn.low), float(drawn.high)
