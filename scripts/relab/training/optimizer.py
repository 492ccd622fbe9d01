"""The optimizer of a training, and which parameters get weight decay."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from relab.settings.models import Optimization
from relab.training.optimization import OPTIMIZERS


def optimizer(
    model: nn.Module, settings: Optimization, rate_scales: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """The optimizer of the settings over the trainable parameters, in its fused form.

    Matrices decay, biases and norms do not. Embeddings do, unless ``settings.decay_embeddings`` is off, as in minGPT: then no
    weight of an ``nn.Embedding`` decays, and so no output layer that is tied to one.

    Parameters whose name begins with a key of ``rate_scales`` learn at that multiple of the learning rate, which stands in
    their groups as ``rate_scale``: whoever sets a rate multiplies it by that.
    """
    exempt = set()
    if not settings.decay_embeddings:
        exempt = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    by_scale: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = next((scale for prefix, scale in (rate_scales or {}).items() if name.startswith(prefix)), 1.0)
            by_scale.setdefault(scale, []).append(parameter)
    groups = []
    for scale, trained in by_scale.items():
        decayed = [parameter for parameter in trained if parameter.dim() >= 2 and id(parameter) not in exempt]
        not_decayed = [parameter for parameter in trained if parameter.dim() < 2 or id(parameter) in exempt]
        for parameters, decay in ((decayed, settings.weight_decay), (not_decayed, 0.0)):
            groups.append({"params": parameters, "weight_decay": decay, "rate_scale": scale})
    name, keys = OPTIMIZERS[settings.optimizer]
    options = {key: getattr(settings, key) for key in keys}
    return getattr(torch.optim, name)(groups, lr=settings.learning_rate, fused=True, **options)
