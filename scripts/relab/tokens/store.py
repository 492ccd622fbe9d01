"""One split of a corpus as token ids: an Arrow IPC stream that is memory-mapped, never loaded.

Its one column ``ids`` holds a document a row: a list of uint16 or uint32 ids, those of the document and then those of the
separator. The counts are JSON in the metadata of the schema. ``datasets.Dataset.from_file`` opens such a file too.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from relab.errors import UserError
from relab.files import replacing

#: Rows of a record batch, whatever the corpus and the number of processes that made it.
ROWS = 256

_METADATA_KEY = b"relab"
_LIST_TYPES = {pa.list_(pa.uint16()), pa.list_(pa.uint32())}


@dataclass(frozen=True)
class Counts:
    """Counts of a split.

    Attributes:
        documents: documents, empty ones too.
        tokens: ids of all documents, with those that the tokenizer's template adds, without separators.
        characters, bytes: size of the documents' text in code points and in bytes of UTF-8.
        separator: ids of the separator behind each document; 0 where the template ends a document by a token.
        separator_bytes: its size; 0 there too.
        unknown: unknown tokens; None where the tokenizer has no unknown token.
        end: the id that the template puts at the end of each document; None where it puts none.
    """

    documents: int
    tokens: int
    characters: int
    bytes: int
    separator: int
    separator_bytes: int
    unknown: int | None = None
    end: int | None = None


class Tokens:
    """The token ids of a split, read from its file on access.

    Memory holds a few kilobytes for every :data:`ROWS` documents, however long they are; the operating system caches pages of
    the file and drops them when memory runs short.

    Args:
        path: the file.

    Attributes:
        path: the file.
        counts: the counts of the split.

    Raises:
        UserError: the file is damaged or of another kind.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        batches, self.counts = _open(self.path)
        columns = [batch.column(0) for batch in batches]
        self._ends = [column.offsets.to_numpy() for column in columns]
        self._ids = [column.values.to_numpy() for column in columns]  # views of the mapped file
        self._rows = [0, *np.cumsum([len(column) for column in columns]).tolist()]
        self._starts = [0, *np.cumsum([len(ids) for ids in self._ids]).tolist()]
        documents, ids = self.counts.documents, self.counts.tokens + self.counts.documents * self.counts.separator
        if (self._rows[-1], self._starts[-1]) != (documents, ids):
            actual = f"{self._rows[-1]:,} in {self._starts[-1]:,}"
            raise _invalid_file_error(self.path, f"{documents:,} documents in {ids:,} ids", actual)

    def __len__(self) -> int:
        """The number of documents."""
        return self.counts.documents

    @property
    def size(self) -> int:
        """Ids of the stream: all documents, a separator between each two of them and none behind the last."""
        return max(0, self._starts[-1] - self.counts.separator)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, without its separator ``[documents]`` (int32)."""
        return np.concatenate([np.empty(0, np.int32), *map(np.diff, self._ends)]) - np.int32(self.counts.separator)

    def total(self, values: np.ndarray) -> int:
        """The sum of ``values[id]`` over all ids of the file, those of separators too; ``values`` are integers ``[ids]``."""
        return sum(int(values[ids].sum()) for ids in self._ids)

    def document(self, index: int) -> np.ndarray:
        """Ids of a document, without its separator ``[tokens]``; a view of the file that cannot be written to.

        Raises:
            IndexError: there is no such document.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"document {index} of {len(self)}")
        batch = bisect_right(self._rows, index) - 1
        start, end = self._ends[batch][index - self._rows[batch] :][:2]
        return self._ids[batch][start : end - self.counts.separator]

    def slice(self, start: int, stop: int) -> np.ndarray:
        """Ids of the stream from ``start`` to before ``stop`` ``[stop - start]``; a view of the file where they lie together.

        Raises:
            IndexError: the stream has no such ids.
        """
        if not 0 <= start <= stop <= self.size:
            raise IndexError(f"ids {start} to {stop} of {self.size}")
        if start == stop:
            return np.empty(0, np.uint16)
        batch = bisect_right(self._starts, start, hi=len(self._ids)) - 1
        parts = []
        while start < stop:
            first = self._starts[batch]
            parts.append(self._ids[batch][start - first : stop - first])
            batch, start = batch + 1, self._starts[batch + 1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def write(path: str | os.PathLike, rows: Iterable[pa.ListArray], counts: Counts, dtype: type) -> None:
    """Write a split, whole or not at all; each array, of :data:`ROWS` rows but for the last one, becomes a record batch.

    Args:
        path: the file to write.
        rows: documents with their separators.
        counts: the counts of the split.
        dtype: the type of an id, uint16 or uint32.
    """
    schema = pa.schema(
        {"ids": pa.list_(pa.from_numpy_dtype(dtype))}, {_METADATA_KEY: json.dumps(asdict(counts), sort_keys=True)}
    )
    with replacing(path) as temporary, pa.OSFile(os.fspath(temporary), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for array in rows:
            stream.write_batch(pa.record_batch([array], schema=schema))


def _open(path: Path) -> tuple[list[pa.RecordBatch], Counts]:
    os.stat(path)  # a missing file raises its own error
    try:
        stream = pa.ipc.open_stream(pa.memory_map(os.fspath(path)))
    except (pa.ArrowException, OSError) as error:
        raise _invalid_file_error(path, "an Arrow stream of token ids", f"none ({first_line(error)})") from None
    names, metadata = stream.schema.names, (stream.schema.metadata or {}).get(_METADATA_KEY)
    if names != ["ids"] or stream.schema.field(0).type not in _LIST_TYPES or metadata is None:
        actual = ", ".join(f"{field.name}: {field.type}" for field in stream.schema)
        raise _invalid_file_error(
            path, "a column ids of lists of uint16 or uint32 and what was counted", f"{actual}, counts: {bool(metadata)}"
        )
    try:
        return list(_validated_batches(stream)), Counts(**json.loads(metadata))
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise _invalid_file_error(path, "a whole file", f"a damaged one ({first_line(error)})") from None


def _validated_batches(stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in stream:
        batch.validate(full=True)  # reads where documents end, no ids
        yield batch


def _invalid_file_error(path: Path, expected: str, actual: str) -> UserError:
    return UserError(f"{path}: expected {expected}, found {actual}; delete it, and the tokens are made again")


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).partition("\n")[0]
