"""Losses of single blocks or documents, in ``losses.parquet``: the data of intervals and paired comparisons of losses.

The file has a row for each unit of an evaluation, in the order of the text. Units are blocks or documents; where there are more
than :data:`MAX_UNITS`, each is a run of neighbouring ones, which resemble each other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing

if TYPE_CHECKING:
    import pandas as pd

#: The name of the file in a model directory.
FILE_NAME = "losses.parquet"

#: Most units of an evaluation.
MAX_UNITS = 64

SCHEMA = pa.schema(
    [
        ("split", pa.string()),  # train or validation
        ("step", pa.int64()),
        ("unit", pa.int32()),  # from 0, in the order of the text
        ("nats", pa.float64()),  # the sum over the unit's targets
        ("targets", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Losses:
    """The losses of an evaluation by unit, in the order of the text; ``nats`` are sums over each unit's targets."""

    split: str
    step: int
    nats: list[float]
    targets: list[int]

    @classmethod
    def from_units(cls, split: str, step: int, nats: Sequence[float], targets: Sequence[int]) -> Losses:
        """Losses from nats and numbers of targets ``[blocks or documents]``, in at most :data:`MAX_UNITS` runs of neighbours
        whose lengths differ by one at most."""
        runs = np.array_split(np.arange(len(nats)), min(len(nats), MAX_UNITS)) if len(nats) else []
        sums = [math.fsum(nats[index] for index in run) for run in runs]
        return cls(split, step, sums, [sum(targets[index] for index in run) for run in runs])

    @property
    def mean(self) -> float:
        """Nats per target; NaN where there is none."""
        count = sum(self.targets)
        return math.fsum(self.nats) / count if count else math.nan

    def to_dict(self) -> dict[str, Any]:
        """As a dictionary of JSON values; no digit is lost."""
        return asdict(self)


def write_losses(path: str | os.PathLike, evaluations: Iterable[Losses]) -> None:
    """Write the losses of a training's evaluations, whole or not at all; the same losses give the same bytes."""
    rows = [
        {"split": losses.split, "step": losses.step, "unit": unit, "nats": nats, "targets": targets}
        for losses in evaluations
        for unit, (nats, targets) in enumerate(zip(losses.nats, losses.targets, strict=True))
    ]
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), temporary, compression="zstd")


def read_losses(path: str | os.PathLike) -> pd.DataFrame:
    """The losses of a training: columns ``split``, ``step``, ``unit``, ``nats`` and ``targets``.

    Raises:
        UserError: no Parquet file, or one without these columns.
    """
    os.stat(path)  # so that a missing file raises FileNotFoundError
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: expected losses in Parquet, found none ({str(error).partition(chr(10))[0]})") from None
    for field in SCHEMA:
        if field.name not in table.schema.names or table.schema.field(field.name).type != field.type:
            raise UserError(
                f"{path}: expected a column {field.name} of {field.type}, found the columns "
                f"{', '.join(f'{column.name} ({column.type})' for column in table.schema)}"
            )
    return table.select(SCHEMA.names).to_pandas()
