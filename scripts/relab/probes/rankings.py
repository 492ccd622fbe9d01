"""Files of rankings: Parquet, a row for each document of each query and system, by rank."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing
from relab.probes.search import Ranked

SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("query", pa.string()),
        ("document", pa.string()),
        ("rank", pa.int64()),  # from 1
        ("score", pa.float64()),  # what the system ranks by; scores of two systems do not compare
    ]
)

#: Documents of each query by system, the best first.
Rankings = dict[str, dict[str, list[str]]]


def write(path: str | os.PathLike, found: Mapping[str, Ranked], queries: Sequence[str], documents: Sequence[str]) -> None:
    """Write the rankings of some systems, whole or not at all; ``queries`` and ``documents`` are ids by place."""
    queries, documents = np.array(queries, object), np.array(documents, object)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as file:
        for system, ranked in found.items():
            row, rank = np.nonzero(ranked.documents >= 0)
            columns = {
                "system": np.full(len(row), system, object),
                "query": queries[row],
                "document": documents[ranked.documents[row, rank]],
                "rank": rank + 1,
                "score": ranked.scores[row, rank].astype(np.float64),
            }
            file.write_table(pa.table(columns, SCHEMA))


def read(path: str | os.PathLike) -> Rankings:
    """The documents of each query by system, in the file's order of systems and queries.

    Raises:
        UserError: where it is no such file, where ranks are not 1, 2, … or a document stands twice.
    """
    frame = _frame(Path(path))
    found: Rankings = {}
    for (system, query), own in frame.groupby(["system", "query"], sort=False):
        own = own.sort_values("rank")
        place = f"{path}: {system}, query {query!r}"
        if own["rank"].tolist() != list(range(1, len(own) + 1)):
            raise UserError(f"{place}: expected ranks from 1 to {len(own)}, found {_first_other(own['rank'])}")
        if own["document"].duplicated().any():
            raise UserError(f"{place}: the document {own['document'][own['document'].duplicated()].iloc[0]!r} stands twice")
        found.setdefault(system, {})[query] = own["document"].tolist()
    return found


def _frame(path: Path) -> pd.DataFrame:
    try:
        frame = pq.read_table(path).to_pandas()
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: expected rankings in Parquet ({str(error).splitlines()[0]})") from None
    lacking = [name for name in SCHEMA.names if name not in frame]
    if lacking:
        raise UserError(f"{path}: no column {lacking[0]!r}; expected the columns {', '.join(SCHEMA.names)}")
    return frame


def _first_other(ranks: pd.Series) -> int:
    return next(rank for place, rank in enumerate(ranks, 1) if rank != place)
