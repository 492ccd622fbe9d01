"""Parquet files with the columns of a schema."""

from __future__ import annotations

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing, require_columns


def write_parquet(path: str | os.PathLike, frame: pd.DataFrame, schema: pa.Schema) -> None:
    """Write a pandas frame with the columns of a schema, whole or not at all. NaN is written as missing."""
    table = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: str | os.PathLike, schema: pa.Schema, content: str) -> pd.DataFrame:
    """Read the columns of a schema.

    Raises:
        UserError: no Parquet file, a missing column; ``content`` is what was expected in the file.
    """
    try:
        frame = pq.read_table(path).to_pandas()
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: expected {content} in Parquet ({str(error).splitlines()[0]})") from None
    require_columns(frame, schema.names, f"{path}:")
    return frame[schema.names]
