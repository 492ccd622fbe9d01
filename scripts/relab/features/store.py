"""The files of features: safetensors with one tensor for each pooling, written a few rows and read a block at a time.

A text that occurs several times is encoded once. ``cls``, ``mean`` and ``last`` are ``[unique texts, width]`` float32;
``index.{column}`` holds for each text of a column, in the order of rows, the index of its vector. For a column of lists
``offsets.{column}`` ``[rows + 1]`` holds where the texts of each row begin and end. The file's own metadata say this of each
tensor, and by which encoder and of which data set the vectors are: :func:`relab.features.store.metadata`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from relab.errors import UserError
from relab.files import replacing

POOLINGS = ("cls", "mean", "last")
_DTYPE_NAMES = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}
#: What each pooling is of a text.
_POOLED = {
    "cls": "the last layer at the first position",
    "mean": "the mean of the last layer over all positions",
    "last": "the last layer at the last position",
}


def metadata(index: Mapping[str, np.ndarray], unique: int, width: int, source: Mapping[str, str]) -> dict[str, str]:
    """What the header of a file says: its ``source`` (encoder, model, data set, part), its size, each tensor's meaning."""
    told = {**source, "unique_texts": str(unique), "width": str(width)}
    for pooling, meaning in _POOLED.items():
        told[pooling] = f"[{unique}, {width}] float32: a vector for each unique text, {meaning}"
    for tensor, values in index.items():
        kind, _, column = tensor.partition(".")
        if kind == "index":
            told[tensor] = (
                f"[{len(values)}] int64: for each text of the column {column}, in the order of rows, the row of cls, mean and "
                "last that holds its vector; a text that occurs several times has one vector"
            )
        else:
            told[tensor] = (
                f"[{len(values)}] int64: for each row of the data set, where its texts begin in index.{column}; the last "
                "number is the end"
            )
    return told


@contextmanager
def feature_writer(
    path: str | os.PathLike, unique: int, width: int, index: Mapping[str, np.ndarray], source: Mapping[str, str] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the three arrays of vectors, memory-mapped, to be filled in any order; the file is complete when the block ends.

    ``source`` is what the file says of its origin.

    The writer of ``safetensors`` needs all tensors in memory; the format is a JSON header before the raw numbers.
    """
    tensors = {name: (values.dtype, values.shape) for name, values in index.items()}
    tensors |= {name: (np.dtype(np.float32), (unique, width)) for name in POOLINGS}
    header: dict[str, Any] = {"__metadata__": metadata(index, unique, width, source or {})}
    end, offsets = 0, {}
    for name, (dtype, shape) in tensors.items():
        size = dtype.itemsize * int(np.prod(shape))
        header[name] = {"dtype": _DTYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [end, end + size]}
        offsets[name], end = end, end + size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    start = 8 + len(text)
    with replacing(path) as temporary:
        with open(temporary, "wb") as handle:
            handle.write(len(text).to_bytes(8, "little") + text)
            handle.truncate(start + end)
        arrays = {
            name: np.memmap(temporary, dtype, "r+", start + offsets[name], shape)
            for name, (dtype, shape) in tensors.items()
            if np.prod(shape)
        }
        for name, values in index.items():
            if values.size:
                arrays[name][:] = values
        yield {name: arrays[name] for name in POOLINGS}
        for array in arrays.values():
            array.flush()


class Features:
    """The features of one part of a data set, read on access."""

    def __init__(self, path: str | os.PathLike):
        """Open the file.

        Raises:
            UserError: the file holds no features.
        """
        from safetensors import SafetensorError, safe_open

        self.path = Path(path)
        try:
            self._file = safe_open(self.path, framework="np")
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: expected features in safetensors ({error})") from None
        missing = set(POOLINGS) - set(self._file.keys())
        if missing:
            raise UserError(f"{path}: expected the tensors {', '.join(POOLINGS)}, found no {', '.join(sorted(missing))}")
        self.unique, _ = self._file.get_slice("mean").get_shape()

    def vectors(self, column: str, pooling: str) -> np.ndarray:
        """The vectors of a column's texts in the order of rows, ``[texts, width]`` float32."""
        return self._file.get_tensor(pooling)[self.index(column)]

    def index(self, column: str) -> np.ndarray:
        """The index of the vector of each text of a column, ``[texts]``."""
        return self._file.get_tensor(f"index.{column}")

    def blocks(self, pooling: str, size: int) -> Iterator[np.ndarray]:
        """The vectors of unique texts in order, ``[size, width]`` at a time."""
        part = self._file.get_slice(pooling)
        for start in range(0, self.unique, size):
            yield part[start : min(start + size, self.unique)]
