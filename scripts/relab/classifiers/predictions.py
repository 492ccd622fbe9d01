"""What a fine-tuned classifier predicts for a split: a row a text."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing

#: ``probability`` is that of the predicted class; ``row`` is the place in the split, counted from 0.
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("classifier", "split")),
        *((name, pa.int64()) for name in ("seed", "row")),
        *((name, pa.string()) for name in ("label", "prediction")),
        ("probability", pa.float64()),
    ]
)


def table(classifier: str, split: str, seed: int, classes: Sequence[str], labels: Sequence[int], probabilities) -> pd.DataFrame:
    """Predictions from probabilities ``[rows, classes]`` and the numbers of the true classes ``[rows]``."""
    chosen = probabilities.argmax(1)
    return pd.DataFrame(
        {
            "classifier": classifier,
            "split": split,
            "seed": seed,
            "row": range(len(labels)),
            "label": [classes[number] for number in labels],
            "prediction": [classes[number] for number in chosen],
            "probability": probabilities.max(1).round(6),
        }
    )


def write(path: str | os.PathLike, frame: pd.DataFrame) -> None:
    """Write predictions as Parquet, whole or not at all."""
    written = pa.Table.from_pandas(frame, SCHEMA, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(written.replace_schema_metadata(None), temporary, compression="zstd")


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Predictions in the order of rows.

    Raises:
        UserError: where a column is missing.
    """
    found = pq.read_table(path)
    if found.column_names != SCHEMA.names:
        raise UserError(f"{path}: expected the columns {', '.join(SCHEMA.names)}, found {', '.join(found.column_names)}")
    return found.to_pandas().sort_values("row", kind="stable", ignore_index=True)
