"""The files of a corpus: one column ``text`` in Parquet, one document a row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema([pa.field("text", pa.string(), nullable=False)])

#: A row group is closed at so many characters or documents, which bounds the memory of writing and of reading.
GROUP_CHARACTERS = 2**22
GROUP_DOCUMENTS = 2**15


class Writer:
    """Write documents to a Parquet file in bounded memory; the same documents give the same bytes."""

    def __init__(self, path: str | os.PathLike):
        self._file = pq.ParquetWriter(
            os.fspath(path), SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False, data_page_version="2.0"
        )
        self._pending: list[str] = []
        self._characters = 0

    def add(self, text: str) -> None:
        self._pending.append(text)
        self._characters += len(text)
        if self._characters >= GROUP_CHARACTERS or len(self._pending) >= GROUP_DOCUMENTS:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            # not pa.array(list), which imports pandas (two seconds) to ask whether the list is one of its series
            encoded = [text.encode() for text in self._pending]
            ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
            column = pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
            self._file.write_table(pa.table([column], schema=SCHEMA))
        self._pending, self._characters = [], 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._file.close()


def documents(path: str | os.PathLike) -> Iterator[str]:
    """Yield the documents of one split of a corpus in order, a row group in memory at a time."""
    with pq.ParquetFile(os.fspath(path), pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=["text"], use_threads=False).column("text").to_pylist()


def evenly_spaced_documents(path: str | os.PathLike, number: int) -> Iterator[str]:
    """Yield at most ``number`` documents of one split, evenly spread over it, in order."""
    with pq.ParquetFile(os.fspath(path)) as file:
        total = file.metadata.num_rows
    chosen = iter(sorted({index * total // min(number, total) for index in range(min(number, total))}))
    next_chosen = next(chosen, None)
    for index, text in enumerate(documents(path)):
        if index == next_chosen:
            yield text
            next_chosen = next(chosen, None)
