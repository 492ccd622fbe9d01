"""The parts of a retrieval data set: documents, queries, judgments, each consistent with the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relab.datasets import tables
from relab.datasets.draws import keys
from relab.datasets.storage import DOCUMENTS, QRELS, write
from relab.errors import UserError
from relab.settings.datasets import RetrievalDataset

#: Random streams of the two samples.
QUERIES, CORPUS = 0, 1


@dataclass(frozen=True)
class Collection:
    """Texts by id, and the judgments on the queries that are used."""

    corpus: dict[str, str]
    queries: dict[str, str]
    qrels: list[dict[str, Any]]
    counts: dict[str, int]


def build(files: Sequence[str | os.PathLike], dataset: RetrievalDataset, part: str, path: str | os.PathLike) -> dict[str, Any]:
    """Write one part and return what was counted; see :func:`relab.datasets.build.build`."""
    found = collect(files, dataset)
    if part == "qrels":
        rows, available = found.qrels, found.counts["judgments"]
    else:
        rows = [{"id": name, "text": text} for name, text in getattr(found, part).items()]
        available = found.counts[part]
    write(path, rows, QRELS if part == "qrels" else DOCUMENTS)
    return {
        "rows": len(rows),
        "available": available,
        "duplicates": 0,
        "near_duplicates": 0,
        "grouped": 0,
        **{key: found.counts[key] for key in ("read", "bad", "unanswered")},
    }


def collect(files: Sequence[str | os.PathLike], dataset: RetrievalDataset) -> Collection:
    """Read the three tables, leave out queries without a relevant document, and sample.

    Raises:
        UserError: for a judgment on a query or a document that is not there, unless such rows are left out; where no query is
            left.
    """
    rows = tables.Rows(files, dataset.bad_rows)
    corpus, queries = tables.documents(rows, dataset.corpus), tables.documents(rows, dataset.queries)
    judged: dict[str, dict[str, int]] = {}
    for row in tables.judgments(rows, dataset.qrels):
        known = {"query": queries, "document": corpus}
        if missing := [kind for kind in known if row[kind] not in known[kind]]:
            place = f"{dataset.qrels.file}, judgment of {row['query']!r} on {row['document']!r}"
            rows.bad(place, f"there is no {missing[0]} {row[missing[0]]!r}")
        elif not (dataset.queries_are_documents and row["query"] == row["document"]):
            judged.setdefault(row["query"], {})[row["document"]] = row["relevance"]
    relevant = {query: own for query, own in judged.items() if any(grade > 0 for grade in own.values())}
    if not relevant:
        raise UserError(f"{dataset.qrels.file}: expected a query with a relevant document, found none")
    chosen = _first(list(relevant), dataset.limit.queries, dataset.seed, QUERIES)
    used = _corpus(corpus, {document for query in chosen for document in relevant[query]}, dataset)
    counts = {
        "corpus": len(corpus),
        "queries": len(relevant),
        "judgments": sum(map(len, relevant.values())),
        "read": rows.counts["read"],
        "bad": rows.counts["bad"],
        "unanswered": len(queries) - len(relevant),
    }
    qrels = [
        {"query": query, "document": document, "relevance": grade}
        for query in chosen
        for document, grade in relevant[query].items()
    ]
    return Collection({name: corpus[name] for name in used}, {name: queries[name] for name in chosen}, qrels, counts)


def _corpus(corpus: dict[str, str], needed: set[str], dataset: RetrievalDataset) -> list[str]:
    """The documents used: those needed and others up to the limit, in the order of the table."""
    limit = dataset.limit.corpus
    if limit is None:
        return list(corpus)
    others = [name for name in corpus if name not in needed]
    added = set(_first(others, max(limit - len(needed), 0), dataset.seed, CORPUS))
    return [name for name in corpus if name in needed or name in added]


def _first(names: list[str], limit: int | None, seed: int, stream: int) -> list[str]:
    """So many of the names, drawn by the seed, in their order."""
    if limit is None or limit >= len(names):
        return names
    drawn = np.argsort(keys(len(names), seed, stream), kind="stable")[:limit]
    return [names[place] for place in sorted(drawn)]
