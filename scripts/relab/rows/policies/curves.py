"""What training measured by step: losses of the reference, of the reward model and of policies, rewards, divergences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.files import read_csv, require_columns
from relab.rows.job import Job
from relab.rows.policies.names import DPO, PPO, REFERENCE, REWARD_MODEL, CurvesSpec

#: What is shown of the reference and of the reward model.
LEARNING = {REFERENCE: ("train_loss", "validation_loss"), REWARD_MODEL: ("train_accuracy", "validation_accuracy")}


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``curves``; of policies a table for each way of learning that there is."""
    spec = job.settings(CurvesSpec)
    histories = job.by_name("histories", spec.models)
    columns = {"ppo_curves": PPO, "dpo_curves": DPO}
    tables = {
        name: policy_curves(spec, histories, columns[name], name.removesuffix("_curves"))
        for name in columns
        if name in job.outputs
    }
    return {"learning": learning_table(job), **tables}


def learning_table(job: Job) -> pd.DataFrame:
    """What was learnt before policies: a row for each evaluation of the reference and of the reward model.

    ``train`` and ``validation`` are nats a token of the reference, shares of pairs of the reward model. Neither has rows where
    it was not trained here.
    """
    parts = [pd.DataFrame(columns=["stage", "step", "train", "validation"], dtype=str)]
    for stage, files in ((REFERENCE, job.files("reference")), (REWARD_MODEL, job.files("reward"))):
        for path in files:
            history = _history(path, LEARNING[stage])
            train, validation = (_cells(history[column]) for column in LEARNING[stage])
            columns = {"stage": stage, "step": history["step"], "train": train, "validation": validation}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def policy_curves(spec: CurvesSpec, histories: Mapping[str, Path], measures: Sequence[str], kind: str) -> pd.DataFrame:
    """The evaluations of the policies that learnt in one way: a row each, with what was measured on validation."""
    return pd.concat(_policy_parts(spec, histories, measures, kind), ignore_index=True)


def _policy_parts(
    spec: CurvesSpec, histories: Mapping[str, Path], measures: Sequence[str], kind: str
) -> Iterator[pd.DataFrame]:
    for name in spec.order:
        model = spec.models[name]
        if model.kind == kind:
            history = _history(histories[name], [f"validation_{measure}" for measure in measures])
            about: dict[str, Any] = {"system": model.label, "seed": model.seed, "step": history["step"]}
            yield pd.DataFrame({**about, **{measure: _cells(history[f"validation_{measure}"]) for measure in measures}})


def _history(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    history = read_csv(path)
    require_columns(history, ("step", *columns), f"{path}:", rows=True)
    return history


def _cells(values: pd.Series) -> list[str]:
    return [format_fixed(value, 4) for value in values]
