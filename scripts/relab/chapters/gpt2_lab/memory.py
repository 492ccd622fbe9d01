"""C2: the memory that training a model takes, computed for architectures of any size and measured on one that is at hand.

The parts of a training in float32 with AdamW: the weights, a gradient for each, AdamW's two moments for each (Loshchilov &
Hutter 2019), and the activations: every tensor that the forward pass keeps for the backward pass, loss included. What
is needed in passing, such as the gradients of activations, is no part of the sum: a measured peak lies above it. GB are
10^9 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import psutil
import torch
from pydantic import Field
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel

from relab.architectures import configuration, skeleton
from relab.errors import UserError
from relab.gpt import parameters
from relab.jobs import peak_memory
from relab.scores import exact
from relab.settings.base import Int, Settings
from relab.settings.chapters import Estimate, ReportedMemory

#: Split of the scores; experiments are ``memory/{name}``.
SPLIT = "training"

#: Steps that a measurement trains; the first one makes AdamW's moments.
STEPS = 2


class Batch(Settings):
    """The batch for which layers are traced and memory is measured."""

    batch: Int = Field(description="Texts in a batch.", ge=1)
    tokens: Int = Field(description="Tokens of each text.", ge=2)


class MeasureSpec(Batch):
    """Settings of the job that measures."""

    threads: Int = Field(description="Compute threads.", ge=1)


@dataclass(frozen=True)
class Bytes:
    """Bytes of each part."""

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


def computed(config: PreTrainedConfig, name: str, *, batch: int, tokens: int) -> Bytes:
    """The memory of training a model of that configuration on batches ``[batch, tokens]``, dropout as configured.

    A dropout mask counts four bytes an element, which is what it takes on a CPU; on CUDA it takes one.

    Raises:
        UserError: a configuration of no language model, or with a context of fewer tokens.
    """
    check_context(config, tokens)
    model = skeleton(config, name)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    activations = saved_bytes(model, lambda: loss(model, torch.zeros(batch, tokens, dtype=torch.long, device="meta")))
    return Bytes(parameters(model), weights, weights, 2 * weights, activations)


def check_context(config: PreTrainedConfig, tokens: int) -> None:
    """Refuse texts of more tokens than the model reads.

    Raises:
        UserError: naming both.
    """
    context = getattr(config, "max_position_embeddings", None)  # Transformers' name for it, whatever the configuration's own
    if context is not None and tokens > context:
        raise UserError(f"chapters.gpt2_lab.memory.tokens is {tokens}, expected at most the model's context of {context}")


def loss(model: PreTrainedModel, token_ids: torch.Tensor) -> torch.Tensor:
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
    own = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()  # held here until all are counted, so that no other takes its address
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in kept.values())


def measured(load: Callable[[], PreTrainedModel], device: torch.device, *, batch: int, tokens: int) -> int:
    """Peak memory in bytes of training a model for two steps of AdamW on random tokens, its loading included.

    On CUDA the memory that torch allocated; elsewhere the peak of the process's resident memory above what it holds now, so
    that what came before must not have been larger: measure in a process of its own.

    Args:
        load: loads the model onto ``device``.
    """
    before = psutil.Process().memory_info().rss
    model = load().float()
    model.set_attn_implementation("eager")  # as computed
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    token_ids = torch.randint(model.config.vocab_size, (batch, tokens), generator=generator).to(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(STEPS):
        loss(model, token_ids).backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory() * 2**20 - before


def estimate(memory: Estimate) -> list[tuple[ReportedMemory, Bytes]]:
    """The memory of training each size.

    Raises:
        UserError: see :func:`computed`.
    """
    return [(size, computed(configuration(size), size.name, batch=memory.batch, tokens=memory.tokens)) for size in memory.sizes]


def memory_table(memory: Estimate, sizes: Sequence[tuple[ReportedMemory, Bytes]]) -> pd.DataFrame:
    """An architecture a row.

    Columns: ``name``, ``parameters``, ``batch``, ``tokens``; in GB ``weights``, ``gradients``, ``optimizer``, their sum
    ``states``, ``activations``, ``total``, and ``reported`` by the write-up (empty where it gives none).
    """
    rows = [
        {
            "name": size.name,
            **_columns(found, memory.batch, memory.tokens),
            "reported": f"{size.reported:g}" if size.reported else "",
        }
        for size, found in sizes
    ]
    return pd.DataFrame(rows)


def measured_table(name: str, device: str, found: Bytes, peak: int, batch: Batch) -> pd.DataFrame:
    """One row: the same columns for the model at hand, then ``measured`` at the peak in GB, and the ``device``."""
    row = {"name": name, **_columns(found, batch.batch, batch.tokens), "measured": _gigabytes(peak), "device": device}
    return pd.DataFrame([row])


def _columns(found: Bytes, batch: int, tokens: int) -> dict[str, Any]:
    parts = ("weights", "gradients", "optimizer", "states", "activations", "total")
    told = {part: _gigabytes(getattr(found, part)) for part in parts}
    return {"parameters": found.parameters, "batch": batch, "tokens": tokens, **told}


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.3f}"


def memory_scores(sizes: Sequence[tuple[ReportedMemory, Bytes]]) -> Iterator[dict[str, Any]]:
    """In GB, for each size: ``states`` (weights, gradients, moments), ``activations``, ``total``."""
    for size, found in sizes:
        for metric in ("states", "activations", "total"):
            yield exact(f"memory/{size.name}", 0, SPLIT, metric, getattr(found, metric) / 1e9)
