"""Models to fine-tune, read from a model directory: with all weights trained, or an adapter beside frozen weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from pydantic import Field
from transformers import GPT2LMHeadModel, PreTrainedModel

from relab import adapters, dropout, gpt, precision
from relab.adapters import Adapter
from relab.checkpoints import load_for_training
from relab.encoded_sources import is_encoder_decoder
from relab.errors import UserError
from relab.networks import context_length, positions
from relab.quantisation import bitsandbytes_settings
from relab.settings.base import Int
from relab.settings.models import FinetunedModel
from relab.settings.pair_models import FinetunedOnPairs
from relab.settings.policies import PpoModel
from relab.settings.preference_models import DpoModel
from relab.training.job import InitialModel


class Job(FinetunedModel):
    """The settings of a fine-tuning job: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


class Finetuning(FinetunedOnPairs):
    """The settings of a job that fine-tunes on pairs: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


class PreferenceFinetuning(DpoModel):
    """The settings of a job that fine-tunes on preferences: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


class PolicyFinetuning(PpoModel):
    """The settings of a job that trains a policy: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


AnyJob = Job | Finetuning | PreferenceFinetuning | PolicyFinetuning


def from_pretrained(job: AnyJob, base: Path, device: torch.device) -> InitialModel:
    """A base model in float32, all of whose weights are trained.

    Raises:
        UserError: no model in the directory, a context shorter than the block.
    """
    model = _with_fast_dropout(load_for_training(base, device, torch.float32))
    _check_context(model, job, base)
    torch.manual_seed(job.seed)
    return InitialModel(model, base, job.block, partial(gpt.save, model), metadata={"base": base.name})


def with_adapter(job: AnyJob, base: Path, device: torch.device) -> InitialModel:
    """A base model with frozen weights and an adapter to train: weights in the job's precision, or quantised.

    Raises:
        UserError: no model in the directory, a context shorter than the block, a layer to update that the model lacks, weights
            to be quantised without bitsandbytes.
    """
    quantisation = None if job.quantisation is None else bitsandbytes_settings(job.quantisation, device, "quantisation")
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


def _check_context(model: PreTrainedModel, job: AnyJob, base: Path) -> None:
    if is_encoder_decoder(model):
        for key in ("source_tokens", "target_tokens"):
            if (tokens := getattr(job, key)) > (most := context_length(model)):
                raise UserError(f"{key}: expected at most the {most} positions of {base}, found {tokens}")
        return
    context = context_length(model)
    if job.block > context:
        behind = "" if context == positions(model.config) else " behind the prefix"
        parts = ("source_tokens", "target_tokens", "prompt_tokens", "answer_tokens")
        key = " and ".join(part for part in parts if hasattr(job, part)) or "block"
        raise UserError(f"{key}: expected at most the context of {base}, {context} tokens{behind}, found {job.block}")
