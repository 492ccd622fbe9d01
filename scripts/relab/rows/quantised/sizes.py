"""The bytes that a model's weights take: stored in a file, and held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import torch
from torch import nn


def bytes_on_disk(model: nn.Module) -> int:
    """Bytes of the tensors of the model's state, as a file of weights holds them: tied ones once, without its header."""
    return _bytes(_tensors(model.state_dict().values()))


def bytes_in_memory(model: nn.Module) -> int:
    """Bytes of what the model holds: parameters and buffers, those that are not stored too, and the scales of rounded ones."""
    held: list[Any] = []
    for module in model.modules():
        tensors = list(chain(module.parameters(recurse=False), module.buffers(recurse=False)))
        held += tensors
        held += [value for tensor in tensors for value in vars(tensor).values()]  # bitsandbytes keeps scales beside weights
        if hasattr(module, "state"):  # what it keeps once it has multiplied
            held += vars(module.state).values()
        if isinstance(module, torch.ao.nn.quantized.dynamic.Linear):
            held += module._weight_bias()
    return _bytes(_tensors(held))


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among some values, in lists and in bitsandbytes' states of rounded weights."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)
        elif type(value).__name__ == "QuantState":
            yield from _tensors([value.absmax, value.code, value.offset, value.state2])


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of tensors, those of one address once."""
    return sum({tensor.data_ptr(): tensor.numel() * tensor.element_size() for tensor in tensors}.values())
