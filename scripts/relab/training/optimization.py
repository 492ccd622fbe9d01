"""Optimizers and learning-rate schedules by name: what another one needs is an entry of a dictionary here.

The settings take the names from here, so nothing heavy is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relab.settings.models import Schedule, Training

#: A loss counts as lower where it is by this share, as in PyTorch.
_THRESHOLD = 1e-4


#: Optimizers of :mod:`torch.optim`: the class, and the settings that it takes beside the learning rate and the weight decay.
OPTIMIZERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "adamw": ("AdamW", ("betas",)),  # weight decay apart from the gradient (Loshchilov & Hutter 2019)
    "adam": ("Adam", ("betas",)),  # as a part of the gradient (Kingma & Ba 2015)
    "sgd": ("SGD", ("momentum",)),
}


# --- schedules: the rate behind warm-up, a function of the settings, the finished steps and the validation losses so far


def _constant(training: Training, step: int, losses: Sequence[float]) -> float:
    return training.learning_rate


def _linear(training: Training, step: int, losses: Sequence[float]) -> float:
    return _decayed(training, _share_left(training, step))


def _cosine(training: Training, step: int, losses: Sequence[float]) -> float:
    """Half a cosine (Loshchilov & Hutter 2017)."""
    return _decayed(training, (1 - math.cos(math.pi * _share_left(training, step))) / 2)


def _plateau(training: Training, step: int, losses: Sequence[float]) -> float:
    """PyTorch's ``ReduceLROnPlateau``, whose state is a function of the losses: a resumed run needs no other."""
    schedule, initial = training.schedule, training.learning_rate
    rate, best, bad_evaluations = initial, math.inf, 0
    for loss in losses:
        if loss < best * (1 - _THRESHOLD):
            best, bad_evaluations = loss, 0
        else:
            bad_evaluations += 1
        if bad_evaluations > schedule.patience:
            rate, bad_evaluations = max(rate * schedule.factor, initial * schedule.minimum), 0
    return rate


SCHEDULES: dict[str, Callable[[Training, int, Sequence[float]], float]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "plateau": _plateau,
}


def learning_rate(training: Training, step: int, losses: Sequence[float] = ()) -> float:
    """The learning rate of the update after ``step`` finished ones and these validation losses.

    The same values as Transformers' schedules of these names: linear from 0 during warm-up, then what :data:`SCHEDULES` says,
    down to ``minimum`` times the learning rate at the last step (or at ``decay_steps``; -1 lies before all of them).
    """
    schedule: Schedule = training.schedule
    if step < schedule.warmup:
        return training.learning_rate * step / schedule.warmup
    return SCHEDULES[schedule.kind](training, step, losses)


def _share_left(training: Training, step: int) -> float:
    """The share of the steps between warm-up and the end of the decay that are still to come."""
    schedule = training.schedule
    end = training.steps if schedule.decay_steps is None else schedule.decay_steps
    return max(0.0, (end - step) / max(1, end - schedule.warmup))


def _decayed(training: Training, share: float) -> float:
    minimum = training.schedule.minimum
    return training.learning_rate * (minimum + (1 - minimum) * share)
