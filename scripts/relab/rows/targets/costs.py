"""What the training of models took: parameters, size of what is stored, time and memory; and their losses on the way.

Counts are scores. Time and memory, which vary from run to run, stand in the table alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.shared.histories import LOSSES, curve_rows, read_history
from relab.rows.targets.names import BYTES, FILES, PARAMETERS, TRAINED, CostSpec
from relab.scores import Row, exact
from relab.weight_files import count_parameters


def tabulate(job: Job) -> dict[str, Any]:
    """The step ``cost``."""
    spec = job.settings(CostSpec)
    bases = [model.base for model in spec.models.values() if model.base is not None]
    weights = job.by_name("weights", [*spec.models, *bases])
    sizes = {name: model_size(spec, name, weights) for name in spec.order}
    return {
        "cost": cost_table(spec, sizes, job.by_name("speeds", spec.models), job.by_name("records", spec.models)),
        "curves": curves_table(spec, job.by_name("histories", spec.models)),
        "cost_scores": cost_scores(spec, sizes),
    }


def model_size(spec: CostSpec, name: str, weights: Mapping[str, Path]) -> dict[str, int]:
    """The parameters of a model with its base, those that were trained, and the bytes of its own file of weights."""
    base = spec.models[name].base
    stored = count_parameters(weights[name])
    parameters = stored if base is None else stored + count_parameters(weights[base])
    return {PARAMETERS: parameters, TRAINED: stored, BYTES: weights[name].stat().st_size}


def cost_table(
    spec: CostSpec, sizes: Mapping[str, Mapping[str, int]], speeds: Mapping[str, Path], records: Mapping[str, Path]
) -> pd.DataFrame:
    """A trained model a row.

    ``megabytes`` (10⁶ bytes) are those of its own file of weights: an adapter needs its base besides. ``seconds`` are those of
    training without evaluations, ``memory`` and ``card_memory`` the peaks of the job in MiB.

    Args:
        speeds: the file of speeds of each model.
        records: the record of the job that trained it.

    Raises:
        UserError: a file of speeds without the seconds.
    """
    rows = []
    for name in spec.order:
        model, size, record = spec.models[name], sizes[name], json.loads(records[name].read_bytes())
        speed = read_csv(speeds[name])
        require_columns(speed, ("seconds",), f"{speeds[name]}:")
        rows.append(
            {
                "model": model.label,
                "seed": model.seed,
                "trained": model.trained,
                "parameters": size[PARAMETERS],
                "trained_parameters": size[TRAINED],
                "megabytes": format_fixed(size[BYTES] / 1e6, 2),
                "seconds": format_fixed(speed["seconds"].max(), 1),
                "memory": record["peak_memory_mib"],
                "card_memory": record.get("peak_gpu_memory_mib", ""),
                "device": record["device"],
            }
        )
    return pd.DataFrame(rows)


def curves_table(spec: CostSpec, histories: Mapping[str, Path]) -> pd.DataFrame:
    """Every evaluation of every model: losses in nats a token of the targets, and the tokens predicted so far."""
    parts = []
    for name in spec.order:
        model, history = spec.models[name], read_history(histories[name])
        rows = curve_rows(history, {"model": model.label, "seed": model.seed}, (LOSSES["train"], LOSSES["validation"]))
        rows.insert(3, "tokens_seen", history["tokens_seen"].astype(int).to_numpy())
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def cost_scores(spec: CostSpec, sizes: Mapping[str, Mapping[str, int]]) -> Iterator[Row]:
    """The size of each model; a model of several seeds has a row a seed."""
    for name in spec.order:
        model = spec.models[name]
        for metric, value in sizes[name].items():
            yield exact(f"{spec.name}/{model.label}", model.seed, FILES, metric, value)
