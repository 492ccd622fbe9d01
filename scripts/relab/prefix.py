"""Prefix tuning (Li & Liang 2021) inside a model's ``forward``: every call attends to the prefix before the text.

PEFT's own model replaces the cache that it is called with by the prefix. Here the prefix begins the cache instead, so that
sampling with a cache, beam search, scoring and training call a model with a prefix like any other. As in PEFT, the prefix takes
the first positions: the first token of a text follows it, and the context is shorter by it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel


def install(model: PreTrainedModel, length: int, encoder: nn.Module, cache: Callable[[int], DynamicCache]) -> None:
    """Give a model a prefix.

    Args:
        model: the model; its ``forward`` is replaced.
        length: tokens of the prefix.
        encoder: the module with its weights; becomes a part of the model.
        cache: returns the prefix as a key-value cache for a batch size.
    """
    forward = model.forward

    @functools.wraps(forward)
    def with_prefix(input_ids=None, *, past_key_values=None, attention_mask=None, position_ids=None, **options):
        inputs = input_ids if input_ids is not None else options["inputs_embeds"]
        if past_key_values is None:
            past_key_values = cache(len(inputs))
        elif past_key_values.get_seq_length() == 0:
            for index, layer in enumerate(cache(len(inputs)).layers):
                past_key_values.update(layer.keys, layer.values, index)
        if attention_mask is not None:
            attention_mask = torch.cat([attention_mask.new_ones(len(inputs), length), attention_mask], dim=1)
        if position_ids is not None:
            position_ids = position_ids + length
        changed = {"past_key_values": past_key_values, "attention_mask": attention_mask, "position_ids": position_ids}
        return forward(input_ids, **{key: value for key, value in changed.items() if value is not None}, **options)

    model.prompt_encoder = encoder
    model.forward = with_prefix
    model.prefix_length = length
