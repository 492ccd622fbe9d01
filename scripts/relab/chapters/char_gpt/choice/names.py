"""What A8's jobs share: their settings, the names of experiments and metrics, the predictions of all probes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from relab.inputs import by_name
from relab.probes import answers
from relab.rows.shared.shown_probes import ShownProbes, TitledProbes
from relab.settings.base import Int
from relab.settings.probes import Ranker

SPLIT, VALIDATION = "test", "validation"
#: Taking one of the choices blindly.
CHANCE = "chance"
ACCURACY = "accuracy"


class Probe(Ranker):
    """A ranker's settings as its jobs have them."""

    threads: Int = Field(1, description="Compute threads.", ge=1)

    @property
    def trained(self) -> dict[str, str]:
        """The trained systems, each with the features that it is trained on."""
        return {answers.trained(features, scorer): features for features in self.features for scorer in self.scorers}


Spec = ShownProbes[Probe]
TableSpec = TitledProbes[Probe]


def read_predictions(paths: Iterable[str | Path], spec: Spec) -> dict[str, pd.DataFrame]:
    """The predictions of each probe, ``…/{probe}/predictions.parquet``, in the order of tables.

    Raises:
        UserError: a file that is missing or not asked for, or that :func:`relab.probes.answers.read` refuses.
    """
    files = by_name(paths, spec.probes, "predictions")
    return {name: answers.read(files[name], spec.probes[name]) for name in spec.order}


def experiment(dataset: str, system: str, other: str = "") -> str:
    """The experiment of a system, or of what it has beyond another one, question by question."""
    return f"{dataset}/{system} − {other}" if other else f"{dataset}/{system}"


def hits(predictions: pd.DataFrame, system: str) -> dict[int, np.ndarray]:
    """Which questions a system answers rightly, 1 or 0 in the order of rows, by seed."""
    own = predictions[predictions["system"] == system]
    right = (own["prediction"] == own["answer"]).astype(float)
    return {int(seed): values.to_numpy() for seed, values in right.groupby(own["seed"])}
