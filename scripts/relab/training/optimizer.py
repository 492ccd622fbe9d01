"""The optimizer, and which parameters it lets decay."""

from __future__ import annotations

import torch
from torch import nn

from relab.settings.models import Training


def adamw(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) of the parameters that are trained, in torch's fused form.

    Matrices decay, biases and norms do not. Embeddings do, unless ``settings.decay_embeddings`` is off, as in minGPT: then no
    weight of an ``nn.Embedding`` decays, and an output layer only where it has weights that are not the embedding's.
    """
    exempt = set()
    if not settings.decay_embeddings:
        exempt = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trained if parameter.dim() >= 2 and id(parameter) not in exempt]
    others = [parameter for parameter in trained if parameter.dim() < 2 or id(parameter) in exempt]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
