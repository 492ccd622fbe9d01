"""The memory that training takes, computed for architectures beside the figures that a write-up reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import Field

from relab.architectures import configuration
from relab.rows.job import MAIN, Job
from relab.rows.model_memory.memory import Batch, Bytes, computed
from relab.scores import Row, exact
from relab.settings.base import Float
from relab.settings.sizes import Size

#: Split of the scores; experiments are ``memory/{name}``.
SPLIT = "training"


class Spec(Batch):
    """Settings of the job that computes the memory."""

    sizes: list[Size] = Field(description="The architectures.", min_length=1)
    reported: dict[str, Float] = Field(description="GB of GPU memory for training that the write-up reports, by name.")


def estimate(job: Job) -> dict[str, Any]:
    """The step ``estimate``."""
    spec = job.settings(Spec)
    memory = estimated(spec)
    return {"scores": memory_scores(memory), MAIN: memory_table(memory, spec, spec.reported)}


def estimated(spec: Spec) -> list[tuple[str, Bytes]]:
    """The name of each size, and the memory of training it.

    Raises:
        UserError: see :func:`computed`.
    """
    batch = {"batch": spec.batch, "tokens": spec.tokens}
    return [(size.name, computed(configuration(size), size.name, **batch)) for size in spec.sizes]


def memory_table(memory: Sequence[tuple[str, Bytes]], batch: Batch, reported: Mapping[str, float]) -> pd.DataFrame:
    """An architecture a row.

    Columns: ``name``, ``parameters``, ``batch``, ``tokens``; in GB ``weights``, ``gradients``, ``optimizer``, their sum
    ``states``, ``activations``, ``total``, and ``reported`` by the write-up (empty where it gives none).

    Args:
        reported: GB by name.
    """
    rows = [
        {"name": name, **parts.cells(batch), "reported": f"{reported[name]:g}" if name in reported else ""}
        for name, parts in memory
    ]
    return pd.DataFrame(rows)


def memory_scores(memory: Sequence[tuple[str, Bytes]]) -> list[Row]:
    """In GB, for each size: ``states`` (weights, gradients, moments), ``activations``, ``total``."""
    return [
        exact(f"memory/{name}", 0, SPLIT, metric, getattr(parts, metric) / 1e9)
        for name, parts in memory
        for metric in ("states", "activations", "total")
    ]
