"""Files of predictions on a test split, ``predictions.parquet``: the columns of each kind of system, and reading them.

``row`` is the index in the split, from 0. Files are written by :func:`relab.parquet.write_parquet`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from relab.errors import UserError
from relab.parquet import read_parquet
from relab.probes.systems import ranker_systems
from relab.settings.probes import Ranker

#: Classifiers on frozen features.
CLASSIFICATION = pa.schema(
    [
        *((name, pa.string()) for name in ("system", "features", "classifier")),
        ("weighted", pa.bool_()),
        *((name, pa.int64()) for name in ("seed", "row")),
        *((name, pa.string()) for name in ("label", "prediction")),
    ]
)

#: Rankers: ``prediction`` and ``answer`` are indices among a question's ``choices``; untrained systems have the seed 0.
CHOICE = pa.schema(
    [
        ("system", pa.string()),
        *((name, pa.int64()) for name in ("seed", "row", "prediction", "answer", "choices")),
    ]
)

#: Fine-tuned classifiers; ``probability`` is that of the predicted class.
FINETUNED = pa.schema(
    [
        *((name, pa.string()) for name in ("classifier", "split")),
        *((name, pa.int64()) for name in ("seed", "row")),
        *((name, pa.string()) for name in ("label", "prediction")),
        ("probability", pa.float64()),
    ]
)

#: Reward models: the rewards of both texts of each pair.
REWARDS = pa.schema(
    [
        ("row", pa.int64()),
        *((name, pa.float32()) for name in ("reward_chosen", "reward_rejected")),
    ]
)


def finetuned_predictions(
    classifier: str, split: str, seed: int, classes: Sequence[str], labels: Sequence[int], probabilities: np.ndarray
) -> pd.DataFrame:
    """A table of :data:`FINETUNED` from probabilities ``[rows, classes]`` and the indices of the true classes ``[rows]``."""
    return pd.DataFrame(
        {
            "classifier": classifier,
            "split": split,
            "seed": seed,
            "row": range(len(labels)),
            "label": [classes[index] for index in labels],
            "prediction": [classes[index] for index in probabilities.argmax(1)],
            "probability": probabilities.max(1).round(6),
        }
    )


def read_predictions(path: str | os.PathLike, schema: pa.Schema) -> pd.DataFrame:
    """The predictions of a file in the order of rows.

    Raises:
        UserError: no Parquet file, a missing column.
    """
    return read_parquet(path, schema, "predictions").sort_values("row", kind="stable", ignore_index=True)


def read_ranker_predictions(path: str | os.PathLike, probe: Ranker) -> pd.DataFrame:
    """The predictions of a ranker in the order of rows.

    Raises:
        UserError: no Parquet file, a missing column, systems or seeds other than the probe's, systems that answered different
            questions.
    """
    frame = read_predictions(path, CHOICE)
    expected = {(system, seed) for system, seeds in ranker_systems(probe).items() for seed in seeds}
    questions = {key: rows[["row", "answer", "choices"]].to_numpy() for key, rows in frame.groupby(["system", "seed"])}
    for system, seed in sorted(expected ^ set(questions)):
        problem = "no predictions of" if (system, seed) in expected else "not expected: predictions of"
        raise UserError(f"{path}: {problem} {system}, seed {seed}")
    first = next(iter(questions.values()))
    for (system, seed), answered in questions.items():
        if answered.shape != first.shape or (answered != first).any():
            raise UserError(f"{path}: {system}, seed {seed}, answers other questions than the first system")
    return frame
