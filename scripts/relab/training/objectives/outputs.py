"""The logits of a language model at the positions that have a target, and their losses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from relab.training.batches import IGNORED


def logits_of_targets(
    network: torch.nn.Module, targets: torch.Tensor, predicted: torch.Tensor | None, **inputs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits at the positions that have a target ``[targets, vocabulary]``, float32, and the targets ``[targets]``.

    Args:
        network: a language model of Transformers, perhaps in a wrapper that several processes need.
        targets, predicted: as those of :class:`relab.training.batches.Batch`.
        inputs: the arguments of the network.
    """
    with output_layer_at(network, predicted):
        logits = network(**inputs).logits.float()
    targets = targets.flatten()
    return logits.flatten(0, -2), targets if predicted is None else targets[predicted]


@contextmanager
def output_layer_at(network: torch.nn.Module, positions: torch.Tensor | None) -> Iterator[None]:
    """Let the output layer read only these positions inside the block; they count through the batch, row by row.

    Transformers' own ``logits_to_keep`` takes the same positions of all rows, whose targets begin and end elsewhere.
    """
    if positions is None:
        yield
        return

    def select(_, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden, *others = arguments
        return hidden.flatten(0, -2).index_select(0, positions), *others

    handle = getattr(network, "module", network).get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, reduction: str = "mean", smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy in nats; targets of -100 are ignored and have the loss 0."""
    return functional.cross_entropy(logits, targets, reduction=reduction, ignore_index=IGNORED, label_smoothing=smoothing)


def sums_by_row(losses: torch.Tensor, targets: torch.Tensor, predicted: torch.Tensor | None) -> torch.Tensor:
    """The sum of each row's losses ``[rows]``, from the losses at the positions that have a target ``[targets]``."""
    if predicted is not None:
        losses = losses.new_zeros(targets.numel()).index_copy(0, predicted, losses)
    return losses.view(targets.shape).sum(1)
