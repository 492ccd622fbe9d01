"""What systems answered on the test split: their names, and the file of their predictions."""

from __future__ import annotations

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing
from relab.settings.probes import Ranker

#: The longest of the choices by characters, the first of equal ones.
LONGEST = "longest choice"

#: ``prediction`` and ``answer`` are places among a question's ``choices``, counted from 0. Of what is not trained there is one
#: seed, 0.
SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        *((name, pa.int64()) for name in ("seed", "row", "prediction", "answer", "choices")),
    ]
)


def cosine(features: str) -> str:
    """The name of the system that takes the choice of the highest cosine."""
    return f"{features} cosine"


def trained(features: str, scorer: str) -> str:
    """The name of a trained scorer."""
    return f"{features} {scorer}"


def systems(probe: Ranker) -> dict[str, list[int]]:
    """All systems of a probe with their seeds, in the order of tables: the longest choice, and the cosine of each of its
    features before the scorers trained on them."""
    found = {LONGEST: [0]}
    for features in probe.features:
        found[cosine(features)] = [0]
        found |= {trained(features, scorer): list(probe.seeds) for scorer in probe.scorers}
    return found


def write(path: str | os.PathLike, frame: pd.DataFrame) -> None:
    """Write predictions as Parquet, whole or not at all."""
    table = pa.Table.from_pandas(frame, SCHEMA, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def read(path: str | os.PathLike, probe: Ranker) -> pd.DataFrame:
    """The predictions of a probe, in the order of rows.

    Raises:
        UserError: where a column, a system or a seed is missing or not expected, or systems answered other questions.
    """
    table = pq.read_table(path)
    if table.column_names != SCHEMA.names:
        raise UserError(f"{path}: expected the columns {', '.join(SCHEMA.names)}, found {', '.join(table.column_names)}")
    frame = table.to_pandas().sort_values("row", kind="stable", ignore_index=True)
    expected = {(system, seed) for system, seeds in systems(probe).items() for seed in seeds}
    groups = {key: own[["row", "answer", "choices"]].to_numpy() for key, own in frame.groupby(["system", "seed"])}
    for system, seed in sorted(expected ^ set(groups)):
        told = "no predictions of" if (system, seed) in expected else "not expected: predictions of"
        raise UserError(f"{path}: {told} {system}, seed {seed}")
    first = next(iter(groups.values()))
    for (system, seed), own in groups.items():
        if own.shape != first.shape or (own != first).any():
            raise UserError(f"{path}: {system}, seed {seed}, answers other questions than the first system")
    return frame
