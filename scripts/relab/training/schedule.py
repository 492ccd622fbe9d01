"""The learning rate as a function of the step and of the validation losses so far."""

from __future__ import annotations

import math
from collections.abc import Sequence

from relab.settings.models import Schedule, Training

#: A loss counts as lower where it is by this share, as in PyTorch.
_THRESHOLD = 1e-4


def learning_rate(training: Training, step: int, losses: Sequence[float] = ()) -> float:
    """The learning rate of the update after ``step`` finished ones and these validation losses.

    The same values as Transformers' schedules of these names: linear from 0 during warm-up, then constant, or down to
    ``minimum`` times the learning rate at the last step (or at ``decay_steps``; -1 lies before all of them), linearly or along
    half a cosine (Loshchilov & Hutter 2017). ``plateau`` is PyTorch's ``ReduceLROnPlateau``, whose state is a function of the
    losses: a resumed run needs no other.
    """
    schedule = training.schedule
    if step < schedule.warmup:
        return training.learning_rate * step / schedule.warmup
    if schedule.kind == "constant":
        return training.learning_rate
    if schedule.kind == "plateau":
        return _after_plateaus(training.learning_rate, schedule, losses)
    end = training.steps if schedule.decay_steps is None else schedule.decay_steps
    left = max(0.0, (end - step) / max(1, end - schedule.warmup))
    share = left if schedule.kind == "linear" else (1 - math.cos(math.pi * left)) / 2
    return training.learning_rate * (schedule.minimum + (1 - schedule.minimum) * share)


def _after_plateaus(initial: float, schedule: Schedule, losses: Sequence[float]) -> float:
    rate, best, bad_evaluations = initial, math.inf, 0
    for loss in losses:
        if loss < best * (1 - _THRESHOLD):
            best, bad_evaluations = loss, 0
        else:
            bad_evaluations += 1
        if bad_evaluations > schedule.patience:
            rate, bad_evaluations = max(rate * schedule.factor, initial * schedule.minimum), 0
    return rate
