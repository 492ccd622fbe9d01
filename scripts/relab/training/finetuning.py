"""Models to fine-tune, read from a model directory: with all weights trained, or an adapter beside frozen weights."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import torch
from pydantic import Field
from transformers import GPT2LMHeadModel, PreTrainedModel

from relab import adapters, dropout, gpt, precision
from relab.adapters import Adapter
from relab.checkpoints import load_for_training
from relab.errors import UserError
from relab.prefix import context_length
from relab.settings.base import Int
from relab.settings.models import FinetunedModel
from relab.training.job import InitialModel


class Job(FinetunedModel):
    """The settings of a fine-tuning job: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


def from_pretrained(job: Job, base: Path, device: torch.device) -> InitialModel:
    """A base model in float32, all of whose weights are trained.

    Raises:
        UserError: no model in the directory, a context shorter than the block.
    """
    model = _with_fast_dropout(load_for_training(base, device, torch.float32))
    _check_context(model, job, base)
    torch.manual_seed(job.seed)
    return InitialModel(model, base, job.block, partial(gpt.save, model), metadata={"base": base.name})


def with_adapter(job: Job, base: Path, device: torch.device) -> InitialModel:
    """A base model with frozen weights and an adapter to train: weights in the job's precision, or quantised on CUDA.

    Raises:
        UserError: no model in the directory, a context shorter than the block, a layer to update that the model lacks, weights
            to be quantised on another device than CUDA or without bitsandbytes.
    """
    quantisation = _quantisation(job, device)
    dtype = getattr(torch, precision.resolve(job.training.precision, device))
    model = _with_fast_dropout(load_for_training(base, device, dtype, quantisation))
    torch.manual_seed(job.seed)
    adapted = Adapter(model, job.adaptation, base)
    _check_context(adapted.model, job, base)
    save = partial(gpt.save, adapted, files=adapters.FILES)
    return InitialModel(adapted.model, base, job.block, save, metadata={"base": base.name})


def _with_fast_dropout(model: PreTrainedModel) -> PreTrainedModel:
    """Install :mod:`relab.dropout` in a GPT-2, as in one that is trained from random weights."""
    if isinstance(model, GPT2LMHeadModel):
        dropout.install(model)
    return model


def _check_context(model: PreTrainedModel, job: Job, base: Path) -> None:
    context = context_length(model)
    if job.block > context:
        behind = "" if context == model.config.max_position_embeddings else " behind the prefix"
        raise UserError(f"block: expected at most the context of {base}, {context} tokens{behind}, found {job.block}")


def _quantisation(job: Job, device: torch.device):
    """The quantisation of the base for Transformers; None without one."""
    if job.quantisation is None:
        return None
    if device.type != "cuda":
        raise UserError(
            f"quantisation: {job.quantisation} needs a CUDA card, and this job would run on {device.type}: leave it out here"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(f"quantisation: {job.quantisation} needs the package bitsandbytes, which is not installed here")
    from transformers import BitsAndBytesConfig

    if job.quantisation == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
