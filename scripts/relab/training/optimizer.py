"""The optimizer of a training, and which parameters get weight decay."""

from __future__ import annotations

import torch
from torch import nn

from relab.settings.models import Optimization
from relab.training.optimization import OPTIMIZERS


def optimizer(model: nn.Module, settings: Optimization) -> torch.optim.Optimizer:
    """The optimizer of the settings over the trainable parameters, in its fused form.

    Matrices decay, biases and norms do not. Embeddings do, unless ``settings.decay_embeddings`` is off, as in minGPT: then no
    weight of an ``nn.Embedding`` decays, and so no output layer that is tied to one.
    """
    exempt = set()
    if not settings.decay_embeddings:
        exempt = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.dim() >= 2 and id(parameter) not in exempt]
    not_decayed = [parameter for parameter in trained if parameter.dim() < 2 or id(parameter) in exempt]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": not_decayed, "weight_decay": 0.0}]
    name, keys = OPTIMIZERS[settings.optimizer]
    options = {key: getattr(settings, key) for key in keys}
    return getattr(torch.optim, name)(groups, lr=settings.learning_rate, fused=True, **options)
