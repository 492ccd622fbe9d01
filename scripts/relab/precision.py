"""The number format that a network computes in: ``float32`` or ``bfloat16``, by a job's setting and its device.

The weights of a language model that is not trained may be of fewer bits, see :mod:`relab.quantisation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

#: What a job may ask for.
AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"
#: What it may ask for beside these where a language model runs.
EIGHT_BIT, FOUR_BIT, DYNAMIC_INT8 = "8bit", "4bit", "dynamic_int8"
BITSANDBYTES = (EIGHT_BIT, FOUR_BIT)
QUANTISED = (*BITSANDBYTES, DYNAMIC_INT8)


def resolve(precision: str, device) -> str:
    """The format that a setting means on a device: ``auto`` is bfloat16 on CUDA and float32 elsewhere.

    On a CPU bfloat16 scores twice as fast as float32 where the processor multiplies it itself (AVX512-BF16, AMX), and half as
    fast where it does not: it is never chosen there unasked. Of a quantised model it is the format of all that is not rounded.
    """
    if precision in (AUTO, *QUANTISED):
        return BFLOAT16 if device.type == "cuda" else FLOAT32
    return precision


def autocast(precision: str, device) -> AbstractContextManager:
    """A context in which matrices are multiplied in a format of :func:`resolve`, while weights stay float32."""
    import torch

    return torch.autocast(device.type, torch.bfloat16) if precision == BFLOAT16 else nullcontext()


def used(model) -> str:
    """The format of a loaded model's weights, for its job's record; of a quantised one, that of the others too."""
    unrounded = str(model.dtype).removeprefix("torch.")
    rounded = quantised(model)
    return f"{rounded} beside {unrounded}" if rounded else unrounded


def quantised(model) -> str | None:
    """How the weights of a loaded model are quantised, one of :data:`QUANTISED`; None where they are not."""
    if getattr(model, "is_loaded_in_8bit", False):
        return EIGHT_BIT
    if getattr(model, "is_loaded_in_4bit", False):
        return FOUR_BIT
    from torch.ao.nn.quantized.dynamic import Linear

    return DYNAMIC_INT8 if any(isinstance(module, Linear) for module in model.modules()) else None


def joined(formats: Iterable[str]) -> str:
    """The formats of several models as one entry of a record, each once."""
    return ", ".join(dict.fromkeys(formats))
