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
from transformers import OPTConfig

from relab.architectures import model_without_weights
from relab.errors import UserError
from relab.rows.finetuned.names import AdapterSize, CountSpec
from relab.rows.job import Job
from relab.scores import Row, exact
from relab.weight_files import count_parameters, tensor_shapes

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
            model = get_peft_model(model_without_weights(config, size.name), lora)
    except ValueError as error:
        raise UserError(f"{size.name}: {str(error).partition('. ')[0]}") from None
    parameters = dict(model.named_parameters())
    trained = {name: tuple(parameter.shape) for name, parameter in parameters.items() if parameter.requires_grad}
    return trained, sum(parameter.numel() for parameter in parameters.values())


def totals(spec: CountSpec, weights: Mapping[str, Path]) -> dict[str, Counted]:
    """What is counted, by declaration or name of a size; an adapter's file of weights holds nothing of its base."""
    base = count_parameters(weights[spec.base])
    counted: dict[str, Counted] = {}
    for name in spec.order:
        tensors = tensor_shapes(weights[name])
        number = sum(map(math.prod, tensors.values()))
        is_adapter = weights[name].name.startswith("adapter")
        counted.setdefault(spec.models[name].experiment, (tensors, base + number if is_adapter else number))
    return counted | {size.name: counted_without_weights(size) for size in spec.sizes}


def parameters_table(counted: Mapping[str, Counted]) -> pd.DataFrame:
    """A module of a model a row, and a row for all of a model's.

    In ``module`` a star stands for the number of a block; ``parameters`` are those of all ``number`` such modules, ``share``
    is that of all parameters of the model, base included.
    """
    rows = []
    for model, (tensors, total) in counted.items():
        groups: dict[tuple[str, tuple[int, ...]], int] = {}
        for name, shape in tensors.items():
            key = (_module(name), shape)
            groups[key] = groups.get(key, 0) + 1
        counts = [(module, " × ".join(map(str, shape)), n, n * math.prod(shape)) for (module, shape), n in groups.items()]
        counts.append((ALL, "", len(tensors), sum(map(math.prod, tensors.values()))))
        rows += [(model, *count, f"{count[-1] / total:.5f}") for count in counts]
    return pd.DataFrame(rows, columns=["model", "module", "shape", "number", "parameters", "share"])


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
