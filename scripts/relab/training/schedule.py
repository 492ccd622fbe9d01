"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from relab.settings.models import Training


def rate(training: Training, step: int) -> float:
    """The learning rate of the update that follows ``step`` finished ones.

    The same values as Transformers' schedules of these names: linear from 0 during warm-up, then constant, or down to
    ``minimum`` times the learning rate at the last step, linearly or along half a cosine (Loshchilov & Hutter 2017).
    """
    schedule = training.schedule
    if step < schedule.warmup:
        return training.learning_rate * step / schedule.warmup
    if schedule.kind == "constant":
        return training.learning_rate
    left = max(0.0, (training.steps - step) / max(1, training.steps - schedule.warmup))
    share = left if schedule.kind == "linear" else (1 - math.cos(math.pi * left)) / 2
    return training.learning_rate * (schedule.minimum + (1 - schedule.minimum) * share)
