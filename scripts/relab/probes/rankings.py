"""Files of rankings: Parquet, a row for each document of each query and system, by rank."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from relab.errors import UserError
from relab.files import replacing
from relab.parquet import read_parquet
from relab.probes.search import Ranked

SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("query", pa.string()),
        ("document", pa.string()),
        ("rank", pa.int64()),  # from 1
        ("score", pa.float64()),  # of the system: scores of two systems do not compare
    ]
)

#: Documents of each query by system, the best first.
Rankings = dict[str, dict[str, list[str]]]


def write_rankings(
    path: str | os.PathLike, rankings: Mapping[str, Ranked], queries: Sequence[str], documents: Sequence[str]
) -> None:
    """Write the rankings of some systems, whole or not at all; ``queries`` and ``documents`` are ids by index."""
    queries, documents = np.array(queries, object), np.array(documents, object)
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as file:
        for system, ranked in rankings.items():
            row, rank = np.nonzero(ranked.documents >= 0)
            columns = {
                "system": np.full(len(row), system, object),
                "query": queries[row],
                "document": documents[ranked.documents[row, rank]],
                "rank": rank + 1,
                "score": ranked.scores[row, rank].astype(np.float64),
            }
            file.write_table(pa.table(columns, SCHEMA))


def read_rankings(path: str | os.PathLike) -> Rankings:
    """Read the documents of each query by system, in the file's order of systems and queries.

    Raises:
        UserError: a file of another format, ranks that are not 1, 2, …, a document that stands twice.
    """
    frame = read_parquet(path, SCHEMA, "rankings")
    rankings: Rankings = {}
    for (system, query), rows in frame.groupby(["system", "query"], sort=False):
        rows = rows.sort_values("rank")
        where = f"{path}: {system}, query {query!r}"
        if rows["rank"].tolist() != list(range(1, len(rows) + 1)):
            raise UserError(f"{where}: expected ranks from 1 to {len(rows)}, found {_first_wrong_rank(rows['rank'])}")
        if rows["document"].duplicated().any():
            raise UserError(f"{where}: the document {rows['document'][rows['document'].duplicated()].iloc[0]!r} stands twice")
        rankings.setdefault(system, {})[query] = rows["document"].tolist()
    return rankings


def _first_wrong_rank(ranks: pd.Series) -> int:
    return next(rank for expected, rank in enumerate(ranks, 1) if rank != expected)
