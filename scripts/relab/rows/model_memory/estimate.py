"""The memory that training takes, computed for architectures beside the figures that a write-up reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from relab.architectures import published_configuration
from relab.rows.job import MAIN, Job
from relab.rows.model_memory.memory import Batch, Bytes, training_memory
from relab.scores import Row, exact
from relab.settings.sizes import Size

#: Split of the scores; experiments are ``memory/{name}``.
SPLIT = "training"


def estimate(job: Job) -> dict[str, Any]:
    """The step ``estimate``."""
    batch = Batch(job.spec["batch"], job.spec["tokens"])
    memory = memory_by_size([Size(**size) for size in job.spec["sizes"]], batch)
    return {"scores": memory_scores(memory), MAIN: memory_table(memory, batch, job.spec["reported"])}


def memory_by_size(sizes: Sequence[Size], batch: Batch) -> dict[str, Bytes]:
    """The memory of training an architecture of each size, by name.

    Raises:
        UserError: see :func:`training_memory`.
    """
    return {size.name: training_memory(published_configuration(size), size.name, batch) for size in sizes}


def memory_table(memory: Mapping[str, Bytes], batch: Batch, reported: Mapping[str, float]) -> pd.DataFrame:
    """An architecture a row.

    Columns: ``name``, ``parameters``, ``batch``, ``tokens``; in GB ``weights``, ``gradients``, ``optimizer``, their sum
    ``states``, ``activations``, ``total``, and ``reported`` by the write-up (empty where it gives none).

    Args:
        reported: GB by name.
    """
    rows = [
        {"name": name, **parts.cells(batch), "reported": f"{reported[name]:g}" if name in reported else ""}
        for name, parts in memory.items()
    ]
    return pd.DataFrame(rows)


def memory_scores(memory: Mapping[str, Bytes]) -> list[Row]:
    """In GB, for each size: ``states`` (weights, gradients, moments), ``activations``, ``total``."""
    return [
        exact(f"memory/{name}", 0, SPLIT, metric, getattr(parts, metric) / 1e9)
        for name, parts in memory.items()
        for metric in ("states", "activations", "total")
    ]
