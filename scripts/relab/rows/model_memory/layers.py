"""A model's layers with the shape of their output and their parameters, and its configuration.

Nothing is loaded: the model is built from its configuration on the meta device, and torchinfo traces it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
import torchinfo
from torchinfo.layer_info import LayerInfo
from transformers import PreTrainedConfig, PreTrainedModel

from relab.architectures import load_configuration, model_without_weights
from relab.gpt import parameter_count
from relab.rows.job import Job
from relab.rows.model_memory.memory import Batch, check_context

#: What the keys of a configuration mean, those that are worth a word.
MEANINGS = {
    "activation_function": "activation of the feed-forward layers",
    "architectures": "class of the model in Transformers",
    "attention_bias": "whether the projections of attention have biases",
    "attention_dropout": "dropout rate of attention weights",
    "attn_pdrop": "dropout rate of attention weights",
    "bos_token_id": "token at the start of a text",
    "dtype": "type of the stored weights",
    "embd_pdrop": "dropout rate of the embeddings",
    "eos_token_id": "token at the end of a text",
    "head_dim": "width of an attention head",
    "hidden_act": "activation of the feed-forward layers",
    "hidden_size": "embedding dimension",
    "initializer_range": "standard deviation of the initial weights",
    "intermediate_size": "width of the feed-forward layers",
    "layer_norm_epsilon": "added to the variance in layer normalisation",
    "max_position_embeddings": "tokens of context",
    "mlp_bias": "whether the feed-forward layers have biases",
    "model_type": "architecture",
    "n_embd": "embedding dimension",
    "n_head": "attention heads",
    "n_inner": "width of the feed-forward layers; empty: four times the embedding dimension",
    "n_layer": "Transformer blocks",
    "n_positions": "tokens of context",
    "num_attention_heads": "attention heads",
    "num_hidden_layers": "Transformer blocks",
    "num_key_value_heads": "heads of keys and values; fewer than heads: several heads share them",
    "pad_token_id": "token that fills up a batch",
    "reorder_and_upcast_attn": "whether attention is computed in float32 whatever the weights' type",
    "resid_pdrop": "dropout rate of the residual branches",
    "rms_norm_eps": "added to the mean square in RMS normalisation",
    "rope_parameters.rope_theta": "base of the wavelengths of rotary positions",
    "rope_parameters.rope_type": "kind of rotary positions",
    "scale_attn_by_inverse_layer_idx": "whether attention scores are divided by the number of the block as well",
    "scale_attn_weights": "whether attention scores are divided by the square root of the head's width",
    "tie_word_embeddings": "whether the output layer shares the weights of the token embedding",
    "use_cache": "whether generation keeps keys and values",
    "vocab_size": "tokens of the vocabulary",
}


@dataclass(frozen=True)
class Layer:
    """A layer: its name inside the one above, kind, shape of its output (empty: not one tensor), parameters of all in it."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    note: str = ""
    inside: tuple[Layer, ...] = ()
    number: int = 1  # equal layers in a row that it stands for


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``; of the model's directory only its configuration is read."""
    directory = job.file("config").parent
    config = load_configuration(directory)
    layers = layers_table(model_without_weights(config, str(directory)), Batch(**job.spec))
    return {"layers": layers, "configuration": configuration_table(config)}


def layers_table(model: PreTrainedModel, batch: Batch) -> pd.DataFrame:
    """A layer a row, in the order of computation, each above those inside it; equal ones in a row stand once.

    Columns: ``layer`` its path, ``kind`` its class, ``output`` shape of its output for token ids ``[batch, tokens]`` (empty
    where it is not one tensor), ``parameters`` of one with all inside it, ``number`` how often it stands in the model, ``all``
    parameters of these together, ``note``. Parameters that a layer shares with an earlier one count there alone. The first row
    is the input, the last one the total.

    Args:
        model: on the meta device (:func:`relab.architectures.model_without_weights`).

    Raises:
        UserError: more tokens than the model's context.
    """
    top = _merged(_traced(model, batch))
    first = {"layer": "input", "kind": "token ids", "output": _shape((batch.batch, batch.tokens))}
    total = {"layer": "total", "all": parameter_count(model)}
    rows = [first, *(row for layer in top.inside for row in _rows(layer, "", 1)), total]
    columns = ["layer", "kind", "output", "parameters", "number", "all", "note"]
    return pd.DataFrame(rows, columns=columns).astype({key: "Int64" for key in ("parameters", "number", "all")})


def _traced(model: PreTrainedModel, batch: Batch) -> Layer:
    check_context(model.config, batch.tokens)
    shape = {"size": (batch.batch, batch.tokens), "dtype": torch.long, "device": "meta"}
    inputs = {"input_ids": torch.zeros(**shape), "attention_mask": torch.ones(**shape)}
    traced = torchinfo.summary(
        model, input_data=inputs, use_cache=False, device="meta", depth=100, verbose=0, mode="eval", cache_forward_pass=False
    )
    top, *rest = [info for info in traced.summary_list if not info.is_recursive]
    return _layer("", top, rest, {id(weight): name for name, weight in model.named_parameters()})


def _layer(path: str, info: LayerInfo, following: list[LayerInfo], weights: Mapping[int, str]) -> Layer:
    """The layer of one entry of torchinfo's list; those that it holds are taken from the start of ``following``.

    ``weights`` gives the name of each parameter by identity: a layer that has a parameter of another name shares it.
    """
    inside = []
    while following and following[0].depth > info.depth:
        inner = following.pop(0)
        inside.append(_layer(f"{path}{inner.var_name}.", inner, following, weights))
    names = {weights[id(weight)]: weight for weight in info.module.parameters()}
    shared = {} if inside else {name.rpartition(".")[0] for name in names if not name.startswith(path)}
    return Layer(
        name=info.var_name,
        kind=info.class_name,
        shape=tuple(info.output_size) if all(isinstance(size, int) for size in info.output_size) else (),
        parameters=sum(weight.numel() for name, weight in names.items() if name.startswith(path)),
        note=f"weights of {', '.join(sorted(shared))}" if shared else "",
        inside=tuple(inside),
    )


def _merged(layer: Layer) -> Layer:
    """The layer with equal ones in a row inside it, told apart by their number alone, as one."""
    inside: list[Layer] = []
    for inner in map(_merged, layer.inside):
        last = inside[-1] if inside else None
        if last and inner.name.isdigit() and replace(last, name="", number=1) == replace(inner, name=""):
            first = last.name.partition("–")[0]
            inside[-1] = replace(last, name=f"{first}–{inner.name}", number=last.number + 1)
        else:
            inside.append(inner)
    return replace(layer, inside=tuple(inside))


def _rows(layer: Layer, above: str, number: int) -> Iterator[dict[str, Any]]:
    number *= layer.number
    if layer.kind != "ModuleList":  # a list computes nothing
        yield {
            "layer": f"{above}{layer.name}",
            "kind": layer.kind,
            "output": _shape(layer.shape),
            "parameters": layer.parameters,
            "number": number,
            "all": number * layer.parameters,
            "note": layer.note,
        }
    for inner in layer.inside:
        yield from _rows(inner, f"{above}{layer.name}.", number)


def _shape(sizes: Sequence[int]) -> str:
    return " × ".join(str(size) for size in sizes)


def configuration_table(config: PreTrainedConfig) -> pd.DataFrame:
    """A key of a configuration a row, as Transformers prints it: ``key`` (dotted where groups hold it), ``value``, ``meaning``
    (empty where the key says it). The version of the library that wrote it is no part of it."""
    values = {key: value for key, value in config.to_diff_dict().items() if key != "transformers_version"}
    rows = [{"key": key, "value": value, "meaning": MEANINGS.get(key, "")} for key, value in sorted(_flat(values, ""))]
    return pd.DataFrame(rows, columns=["key", "value", "meaning"])


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    else:
        words = {None: "", True: "yes", False: "no"}
        yield path, words[value] if value is None or isinstance(value, bool) else str(value)
