"""The predictions of classifiers on a test split, and how each was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.cells import fixed
from relab.files import replacing
from relab.probes.classifiers import Fitted
from relab.probes.names import MAJORITY

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("system", "features", "classifier")),
        ("weighted", pa.bool_()),
        ("seed", pa.int64()),
        ("row", pa.int64()),
        ("label", pa.string()),
        ("prediction", pa.string()),
    ]
)


def predictions_of(fits: Iterable[Fitted], inputs: Mapping[str, Any], labels: np.ndarray) -> pd.DataFrame:
    """What each system predicts for each row: a row a system, seed and test row."""
    frames = []
    for one in fits:
        given = np.zeros((len(labels), 1)) if one.classifier == MAJORITY else inputs[one.features]
        told = {"system": one.system, "features": one.features, "classifier": one.classifier, "weighted": one.weighted}
        rows = {"seed": one.seed, "row": np.arange(len(labels)), "label": labels, "prediction": one.model.predict(given)}
        frames.append(pd.DataFrame({**told, **rows}))
    return pd.concat(frames, ignore_index=True)


def write_predictions(path: str | Path, frame: pd.DataFrame) -> None:
    """Write predictions as Parquet, whole or not at all."""
    table = pa.Table.from_pandas(frame, SCHEMA, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read what :func:`write_predictions` wrote."""
    return pq.read_table(path, schema=SCHEMA).to_pandas()


def chosen_table(fits: Sequence[Fitted], rows: int) -> pd.DataFrame:
    """A fit a row: the strength of its penalty, which validation chose, and its figures there."""
    return pd.DataFrame(
        {
            "system": one.system,
            "seed": one.seed,
            "regularisation": fixed(one.regularisation, 6),
            "validation_accuracy": fixed(one.validation["accuracy"], 6),
            "validation_macro_f1": fixed(one.validation["macro_f1"], 6),
            "train_rows": rows,
        }
        for one in fits
    )
