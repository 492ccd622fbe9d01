"""What the code that runs a network has to know of its architecture: how much it reads at once, and its cache."""

from __future__ import annotations

import inspect
import math

from transformers import DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

#: Transformers' names of the tokens that a network reads at once; most configurations translate theirs to the first.
_POSITIONS = ("max_position_embeddings", "max_seq_len", "context_length")
#: Kinds whose layers have windows that Transformers' caches do not know of, or that count distances without a look at the mask.
_DISTANCES_IN_COLUMNS = ("gpt_neo", "mpt")


def positions(config: PreTrainedConfig) -> float:
    """Tokens that a network of this configuration reads at once.

    Infinite where nothing in it counts them: states (Mamba), distances (BLOOM, T5).
    """
    numbers = (getattr(config, name, None) for name in _POSITIONS)
    return next((number for number in numbers if number is not None and number > 0), math.inf)


def unused_positions(model: PreTrainedModel) -> int:
    """Rows at the beginning of a model's table of positions that no token has.

    RoBERTa, MPNet and their kin keep the rows up to that of padding for padding.
    """
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    return 0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1


def context_length(model: PreTrainedModel) -> float:
    """Tokens of a text that a model reads at once: its positions without those that it keeps and those of its prefix."""
    return positions(model.config) - unused_positions(model) - getattr(model, "prefix_length", 0)


def has_key_value_cache(model: PreTrainedModel) -> bool:
    """Whether a model continues a text from a key-value cache of Transformers.

    Others hold a state of their own (Mamba, RWKV): they read a text from its beginning for every token.
    """
    return "past_key_values" in inspect.signature(model.forward).parameters


def attends_in_all_layers(model: PreTrainedModel) -> bool:
    """Whether all layers of a model have keys and values, and none a state instead or beside them (LFM2, Falcon-H1)."""
    layers = _empty_cache(model).layers if has_key_value_cache(model) else [None]
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def attention_window(model: PreTrainedModel) -> float:
    """Tokens that the layer of a model with the smallest window attends to; infinite where none has a window."""
    return min((layer.sliding_window for layer in _empty_cache(model).layers if layer.is_sliding), default=math.inf)


def can_be_padded(model: PreTrainedModel) -> bool:
    """Whether texts of different lengths can share a batch, padded on the left.

    They cannot where a state would read the padding, nor where it would stand between a prefix and a text for layers that count
    distances in columns: those with a window, and all of MPT's.
    """
    if not getattr(model, "prefix_length", 0):
        return has_key_value_cache(model)
    return model.config.model_type not in _DISTANCES_IN_COLUMNS and attention_window(model) == math.inf


def _empty_cache(model: PreTrainedModel) -> DynamicCache:
    return DynamicCache(config=model.config)
