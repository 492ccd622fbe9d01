"""Weights of fewer bits than they were trained in: by bitsandbytes as a model is opened, or by PyTorch once it is open.

bitsandbytes rounds the weights of linear layers to 8 bits, row by row, with columns of outliers apart (LLM.int8(), Dettmers et
al. 2022), or to 4 bits, 64 weights at a time (NF4, QLoRA, Dettmers et al. 2023); on CPUs since its version 0.50. PyTorch's
dynamic quantisation rounds to 8 bits too, but with one scale for all weights of a layer and one for all activations that it
gets at once: a single large value costs all others their digits, and what a text gives depends on the texts beside it.
Embeddings and the output layer, whose weights are often the same, stay as they are.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from typing import TYPE_CHECKING

from relab.errors import UserError
from relab.precision import AUTO, DYNAMIC_INT8, EIGHT_BIT, resolve

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedModel


def bitsandbytes_settings(width: str, device: torch.device, key: str = "precision") -> BitsAndBytesConfig:
    """Transformers' settings for a model that bitsandbytes quantises as it is opened.

    Args:
        width: ``8bit`` or ``4bit``. What is not rounded is computed in the format of :func:`relab.precision.resolve`.
        key: the setting that asks for it, for the error.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(f"{key}: {width} needs the package bitsandbytes, which is not installed here")
    import torch
    from transformers import BitsAndBytesConfig

    # says of every layer and batch that it multiplies in float16, and that one more package would make it faster
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if width == EIGHT_BIT:
        return BitsAndBytesConfig(load_in_8bit=True)
    dtype = getattr(torch, resolve(AUTO, device))
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def check_device(precision: str, device: torch.device) -> None:
    """Refuse a device that has no such numbers.

    Raises:
        UserError: PyTorch's dynamic quantisation on another device than a CPU.
    """
    if precision == DYNAMIC_INT8 and device.type != "cpu":
        raise UserError(
            f"precision: {DYNAMIC_INT8} runs on a CPU only, and this job runs on {device.type}; expected 8bit, or no card "
            "(CUDA_VISIBLE_DEVICES empty)"
        )


def prepare_bitsandbytes(model: PreTrainedModel, name: str, training: bool = False) -> PreTrainedModel:
    """Keep a model that bitsandbytes has quantised from a faster product that does not suit it, and return it.

    On CPUs with AVX512-BF16, layers of 4 bits reorder their weights when they are first evaluated. That fails for some widths,
    and from then on no gradient passes them, without a word.

    Raises:
        UserError: bitsandbytes found nothing to quantise.
    """
    from bitsandbytes import nn as layers

    quantised = [module for module in model.modules() if isinstance(module, (layers.Linear8bitLt, layers.Linear4bit))]
    if not quantised:
        raise UserError(f"{name}: expected linear layers to quantise, found none beside the output layer")
    for layer in quantised:
        if training or layer.out_features % 32 or layer.in_features % 64:
            layer.support_avx512bf16_for_cpu = False
    return model


def quantise_dynamically(model: PreTrainedModel, name: str) -> PreTrainedModel:
    """Round the linear layers of a model to 8 bits in place, by PyTorch's dynamic quantisation, and return it.

    An adapter's own layers, which are few and small, stay as they are.

    Raises:
        UserError: a model with no linear layer beside its output layer, as GPT-2, whose layers are of a class of Transformers.
    """
    import torch

    outputs = model.get_output_embeddings()
    linear = {
        path
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not outputs and "lora_" not in path
    }
    if not linear:
        raise UserError(f"{name}: {DYNAMIC_INT8} needs layers of torch.nn.Linear, found none beside the output layer")
    with warnings.catch_warnings():  # of a part of torch that will go, and what to move to: it is here as the bad example
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(model, linear, dtype=torch.qint8, inplace=True)
