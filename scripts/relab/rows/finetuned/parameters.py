"""The trained parameters by module, of the models that were trained and of architectures that are counted without weights.

Blocks are alike, so that a module stands once for all of them, its number being that of the blocks.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from peft import LoraConfig, get_peft_model
from safetensors import SafetensorError, safe_open
from transformers import OPTConfig

from relab.architectures import skeleton
from relab.errors import UserError
from relab.rows.finetuned.names import AdapterSize, CountSpec
from relab.rows.job import Job
from relab.scores import Row, exact

#: Split and metrics of the scores; experiments are ``parameters/{declaration}`` and ``parameters/{name of a size}``.
SPLIT, TRAINED, SHARE = "parameters", "trained parameters", "share of trained parameters"
ALL = "all of them"

#: Names and shapes of trained tensors, and the number of all parameters, those of the base included.
Counted = tuple[dict[str, tuple[int, ...]], int]


def count(job: Job) -> dict[str, Any]:
    """The step ``count``."""
    spec = job.settings(CountSpec)
    counted = totals(spec, job.by_name("weights", spec.with_base))
    return {"parameters": parameters_table(counted), "parameters_scores": parameters_scores(counted)}


def stored(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a file of weights, which are not read.

    Raises:
        UserError: where it is no safetensors file.
    """
    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: expected weights in safetensors ({error})") from None


def counted_without_weights(size: AdapterSize) -> Counted:
    """An OPT of some size with a LoRA adapter, built on the meta device.

    Raises:
        UserError: a size that no model has, a layer that it lacks.
    """
    config = OPTConfig(
        vocab_size=size.vocabulary, max_position_embeddings=size.context, hidden_size=size.width,
        word_embed_proj_dim=size.width, ffn_dim=size.feed_forward, num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
    )  # fmt: skip
    lora = LoraConfig(
        task_type="CAUSAL_LM", r=size.adaptation.rank, lora_alpha=size.adaptation.alpha, bias=size.adaptation.bias,
        lora_dropout=size.adaptation.dropout, target_modules=size.adaptation.targets,
    )  # fmt: skip
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)  # PEFT asks Transformers by old names
            model = get_peft_model(skeleton(config, size.name), lora)
    except ValueError as error:
        raise UserError(f"{size.name}: {str(error).partition('. ')[0]}") from None
    parameters = dict(model.named_parameters())
    trained = {name: tuple(parameter.shape) for name, parameter in parameters.items() if parameter.requires_grad}
    return trained, sum(parameter.numel() for parameter in parameters.values())


def totals(spec: CountSpec, weights: Mapping[str, Path]) -> dict[str, Counted]:
    """What is counted, by declaration or name of a size; an adapter's file of weights holds nothing of its base."""
    base = sum(math.prod(shape) for shape in stored(weights[spec.base]).values())
    counted: dict[str, Counted] = {}
    for name in spec.order:
        tensors = stored(weights[name])
        number = sum(math.prod(shape) for shape in tensors.values())
        is_adapter = weights[name].name.startswith("adapter")
        counted.setdefault(spec.models[name].experiment, (tensors, base + number if is_adapter else number))
    return counted | {size.name: counted_without_weights(size) for size in spec.sizes}


def parameters_table(counted: Mapping[str, Counted]) -> pd.DataFrame:
    """A module of a model a row, and a row for all of a model's.

    Columns: ``model``; ``module``, a star for the number of a block; ``shape``; ``number`` of such modules; ``parameters`` of
    all of them; ``share`` of all parameters of the model, base included.
    """
    rows = []
    for model, (tensors, total) in counted.items():
        groups: dict[tuple[str, tuple[int, ...]], int] = {}
        for name, shape in tensors.items():
            key = (_module(name), shape)
            groups[key] = groups.get(key, 0) + 1
        for (module, shape), number in groups.items():
            rows.append(_row(model, module, " × ".join(map(str, shape)), number, number * math.prod(shape), total))
        rows.append(_row(model, ALL, "", len(tensors), sum(map(math.prod, tensors.values())), total))
    return pd.DataFrame(rows)


def _row(model: str, module: str, shape: str, number: int, parameters: int, total: int) -> dict[str, Any]:
    return {
        "model": model,
        "module": module,
        "shape": shape,
        "number": number,
        "parameters": parameters,
        "share": f"{parameters / total:.5f}",
    }


def _module(name: str) -> str:
    """A tensor's name without PEFT's wrapping and with a star for the number of its block."""
    name = name.removeprefix("base_model.model.").replace(".default.", ".").removesuffix(".weight")
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)


def parameters_scores(counted: Mapping[str, Counted]) -> Iterator[Row]:
    """Trained parameters and their share of all of a model's."""
    for model, (tensors, total) in counted.items():
        trained = sum(map(math.prod, tensors.values()))
        yield exact(f"parameters/{model}", 0, SPLIT, TRAINED, trained)
        yield exact(f"parameters/{model}", 0, SPLIT, SHARE, trained / total)
