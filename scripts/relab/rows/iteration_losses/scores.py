"""Scores of models by iteration; :mod:`relab.rows.iteration_losses.names` says which experiments and metrics there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relab.files import short_digest
from relab.rows.iteration_losses.names import ABOVE_GRAMMAR, ABOVE_UNIFORM, BASELINES, Spec
from relab.rows.job import Job
from relab.rows.shared.experiments import MODEL
from relab.rows.shared.losses import Training, above, loss_scores, trainings
from relab.scores import Row, exact, score


def score_losses(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    read = trainings(job.by_name("histories", spec.models), job.by_name("losses", spec.models))
    baselines = {}
    if spec.grammar:
        from relab.rows.iteration_losses.baselines import read_baselines  # it takes seconds to load Transformers

        baselines = read_baselines(job, spec.grammar)
    return {"scores": list(iteration_scores(spec, read, baselines, short_digest(job.file("train"))))}


def iteration_scores(spec: Spec, trainings: Mapping[str, Training], baselines: Mapping[str, float], data: str) -> Iterator[Row]:
    """All scores of a row, a row of scores for each seed.

    Args:
        baselines: the losses that need no training by their column; none where the text is drawn from no grammar.
        data: digest of the text.
    """
    for column, loss in baselines.items():
        system, metric, split = BASELINES[column]
        yield exact(f"{spec.experiment}/{system}", 0, split, metric, loss, data)
    experiment = f"{spec.experiment}/{MODEL}"
    for model, seed in spec.models.items():
        training = trainings[model]
        yield from loss_scores(experiment, seed, training, dict.fromkeys(("train", "validation"), data))
        if baselines:
            first = training.measured("validation", int(training.history.index[0]), data)
            final = training.measured("validation", training.last, data)
            yield score(experiment, seed, "validation", ABOVE_UNIFORM, above(first, baselines["uniform"]), data)
            yield score(experiment, seed, "validation", ABOVE_GRAMMAR, above(final, baselines["grammar_loss"]), data)
