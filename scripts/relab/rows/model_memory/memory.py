"""The memory that training a model takes, computed for a configuration of any size.

The parts of a training in float32 with AdamW: the weights, a gradient for each, AdamW's two moments for each (Loshchilov &
Hutter 2019), and the activations: every tensor that the forward pass keeps for the backward pass, loss included. What
is needed in passing, such as the gradients of activations, is no part of the sum: a measured peak lies above it. GB are
10^9 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel

from relab.architectures import model_without_weights
from relab.errors import UserError
from relab.gpt import parameter_count
from relab.networks import positions


@dataclass(frozen=True)
class Batch:
    """The batch for which layers are traced, memory is computed and measured: ``[texts, tokens of each]``."""

    batch: int
    tokens: int


@dataclass(frozen=True)
class Bytes:
    """Bytes of each part of a training."""

    parameters: int  # their number
    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def states(self) -> int:
        """What is held whatever the batch: weights, gradients and moments."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> int:
        return self.states + self.activations

    def cells(self, batch: Batch) -> dict[str, Any]:
        """The cells of a table: ``parameters``, ``batch``, ``tokens``, then each part, its sums and ``total`` in GB."""
        parts = ("weights", "gradients", "optimizer", "states", "activations", "total")
        in_gigabytes = {part: gigabytes(getattr(self, part)) for part in parts}
        return {"parameters": self.parameters, "batch": batch.batch, "tokens": batch.tokens, **in_gigabytes}


def gigabytes(count: int) -> str:
    """A number of bytes as a cell in GB."""
    return f"{count / 1e9:.3f}"


def training_memory(config: PreTrainedConfig, name: str, batch: Batch) -> Bytes:
    """The memory of training a model of that configuration on such batches, dropout as configured.

    A dropout mask counts four bytes an element, which is what it takes on a CPU; on CUDA it takes one.

    Raises:
        UserError: a configuration of no language model, or with a context of fewer tokens.
    """
    check_context(config, batch.tokens)
    model = model_without_weights(config, name)
    token_ids = torch.zeros(batch.batch, batch.tokens, dtype=torch.long, device="meta")
    weights = sum(parameter.nbytes for parameter in model.parameters())
    activations = saved_bytes(model, lambda: next_token_loss(model, token_ids))
    return Bytes(parameter_count(model), weights, weights, 2 * weights, activations)


def check_context(config: PreTrainedConfig, tokens: int) -> None:
    """Refuse texts of more tokens than the model reads.

    Raises:
        UserError: naming both.
    """
    if tokens > (context := positions(config)):
        raise UserError(f"tokens is {tokens}, expected at most the model's context of {context}")


def next_token_loss(model: PreTrainedModel, token_ids: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the next token, in training mode; ``token_ids`` are ``[batch, tokens]``."""
    # The mask says nothing, but without one Transformers looks into the positions for packed texts; here they have no values.
    mask = torch.ones_like(token_ids)
    logits = model.train()(input_ids=token_ids, attention_mask=mask, use_cache=False).logits
    targets = torch.cat([token_ids[:, 1:], torch.full_like(token_ids[:, :1], -100)], dim=1)
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def saved_bytes(model: torch.nn.Module, forward: Callable[[], torch.Tensor]) -> int:
    """Bytes of the tensors that a forward pass keeps for the backward pass, without the model's own parameters and buffers.

    Tensors that share memory count once.
    """
    held = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()  # held here until all are counted, so that no other takes its address
        if storage._cdata not in held:
            kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in kept.values())
