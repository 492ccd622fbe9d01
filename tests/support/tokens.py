"""Token ids of a few made-up documents in a file of their own, as the tokens stage writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from relab.tokens import store


def write(path: Path, documents: Sequence[Sequence[int]], separator: Sequence[int] = (), **more: int | None) -> Path:
    """Write documents, each with ``separator`` behind it; ``more`` replaces what was counted (a token is a byte)."""
    tokens = sum(map(len, documents))
    sizes = {"tokens": tokens, "characters": tokens, "bytes": tokens}
    counts = store.Counts(len(documents), separator=len(separator), separator_bytes=len(separator), **{**sizes, **more})
    rows = [[*document, *separator] for document in documents]
    groups = [rows[begin : begin + store.ROWS] for begin in range(0, len(rows), store.ROWS)]
    store.write(path, (pa.array(group, pa.list_(pa.uint16())) for group in groups), counts, np.uint16)
    return path


def tokens_of(documents: Sequence[Sequence[int]], separator: Sequence[int] = (), **more: int | None) -> store.Tokens:
    """Such documents, opened; the file itself is gone, but not the pages that were mapped."""
    with TemporaryDirectory() as folder:
        return store.Tokens(write(Path(folder) / "made.arrow", documents, separator, **more))
