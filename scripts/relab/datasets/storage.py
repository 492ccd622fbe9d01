"""Reading and writing the files of data sets: one Parquet file for each part, with the schema of its kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from relab.files import replacing

CLASSIFICATION = pa.schema([("text", pa.string()), ("label", pa.string())])
CHOICE = pa.schema([("question", pa.string()), ("choices", pa.list_(pa.string())), ("answer", pa.int64())])
PAIRS = pa.schema([("source", pa.string()), ("target", pa.string()), ("references", pa.list_(pa.string()))])
PREFERENCES = pa.schema([("prompt", pa.string()), ("chosen", pa.string()), ("rejected", pa.string())])
DOCUMENTS = pa.schema([("id", pa.string()), ("text", pa.string())])
QRELS = pa.schema([("query", pa.string()), ("document", pa.string()), ("relevance", pa.int64())])

#: Rows of a row group: so many are in Arrow's memory at a time.
GROUP = 2**14


def write(path: str | os.PathLike, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write rows as Parquet, whole or not at all; the same rows give the same bytes."""
    rows = list(rows)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        for start in range(0, max(len(rows), 1), GROUP):  # without rows there is an empty row group
            file.write_table(pa.Table.from_pylist(rows[start : start + GROUP], schema=schema))
            pa.default_memory_pool().release_unused()  # Arrow would keep that of the groups before


def read(path: str | os.PathLike) -> dict[str, list[Any]]:
    """The columns of a part, each as a list."""
    return pq.read_table(path).to_pydict()


def column_texts(path: str | os.PathLike, columns: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the texts of some columns row by row, as pairs of a column and its texts; a row group is in memory at a time.

    A column of texts gives one text a row, a column of lists all texts of the list.
    """
    columns = list(columns)
    with pq.ParquetFile(os.fspath(path), pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            values_by_column = file.read_row_group(group, columns=columns, use_threads=False).to_pydict()
            for values in zip(*(values_by_column[column] for column in columns), strict=True):
                for column, value in zip(columns, values, strict=True):
                    yield column, value if isinstance(value, list) else [value]
