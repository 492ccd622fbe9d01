"""Optimizers and learning-rate schedules by name: what another one needs is an entry of a dictionary here.

Nothing heavy is imported: the settings take the names from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from relab.settings.models import Optimization, Schedule, Training

#: A loss counts as lower where it is by this share, as in PyTorch.
_THRESHOLD = 1e-4


# --- optimizers: a function of the groups of parameters and of the settings -------------------------------------------


def _adamw(groups: list[dict[str, Any]], settings: Optimization) -> torch.optim.Optimizer:
    """Weight decay apart from the gradient (Loshchilov & Hutter 2019)."""
    import torch

    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def _adam(groups: list[dict[str, Any]], settings: Optimization) -> torch.optim.Optimizer:
    """Weight decay as a part of the gradient (Kingma & Ba 2015)."""
    import torch

    return torch.optim.Adam(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def _sgd(groups: list[dict[str, Any]], settings: Optimization) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    import torch

    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, fused=True)


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], Optimization], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
}


def optimizer(model: nn.Module, settings: Optimization) -> torch.optim.Optimizer:
    """The optimizer of the settings over the trainable parameters.

    Matrices decay, biases and norms do not. Embeddings do, unless ``settings.decay_embeddings`` is off, as in minGPT: then no
    weight of an ``nn.Embedding`` decays, and so no output layer that is tied to one.
    """
    from torch import nn

    exempt = set()
    if not settings.decay_embeddings:
        exempt = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.dim() >= 2 and id(parameter) not in exempt]
    not_decayed = [parameter for parameter in trained if parameter.dim() < 2 or id(parameter) in exempt]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": not_decayed, "weight_decay": 0.0}]
    return OPTIMIZERS[settings.optimizer](groups, settings)


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
