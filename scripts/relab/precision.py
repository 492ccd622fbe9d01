"""The number format that a network computes in: ``float32`` or ``bfloat16``, by a job's setting and its device."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

#: What a job may ask for.
AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"


def resolve(precision: str, device) -> str:
    """The format that a setting means on a device: ``auto`` is bfloat16 on CUDA and float32 elsewhere.

    On a CPU bfloat16 scores twice as fast as float32 where the processor multiplies it itself (AVX512-BF16, AMX), and half as
    fast where it does not: it is never chosen there unasked.
    """
    if precision == AUTO:
        return BFLOAT16 if device.type == "cuda" else FLOAT32
    return precision


def autocast(precision: str, device) -> AbstractContextManager:
    """A context in which matrices are multiplied in a format of :func:`resolve`, while weights stay float32."""
    import torch

    return torch.autocast(device.type, torch.bfloat16) if precision == BFLOAT16 else nullcontext()


def used(model) -> str:
    """The format of a loaded model's weights, for its job's record."""
    return str(model.dtype).removeprefix("torch.")


def joined(formats: Iterable[str]) -> str:
    """The formats of several models as one entry of a record, each once."""
    return ", ".join(dict.fromkeys(formats))
