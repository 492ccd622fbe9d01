"""The parts of a retrieval data set: documents, queries, judgments, each consistent with the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relab.datasets import tables
from relab.datasets.draws import random_keys
from relab.datasets.storage import DOCUMENTS, QRELS, write
from relab.errors import UserError
from relab.settings.datasets import RetrievalDataset

#: Random streams of the two samples.
QUERIES, CORPUS = 0, 1


@dataclass(frozen=True)
class Collection:
    """Texts by id, and the judgments of the queries that are used."""

    corpus: dict[str, str]
    queries: dict[str, str]
    qrels: list[dict[str, Any]]
    counts: dict[str, int]


def build(files: Sequence[str | os.PathLike], dataset: RetrievalDataset, part: str, path: str | os.PathLike) -> dict[str, Any]:
    """Write one part and return what was counted; see :func:`relab.datasets.build.build`."""
    collection = read_collection(files, dataset)
    if part == "qrels":
        rows, available = collection.qrels, collection.counts["judgments"]
    else:
        rows = [{"id": name, "text": text} for name, text in getattr(collection, part).items()]
        available = collection.counts[part]
    write(path, rows, QRELS if part == "qrels" else DOCUMENTS)
    return {
        "rows": len(rows),
        "available": available,
        "duplicates": 0,
        "near_duplicates": 0,
        "grouped": 0,
        **{key: collection.counts[key] for key in ("read", "bad", "broken", "repeated", "unanswered")},
    }


def read_collection(files: Sequence[str | os.PathLike], dataset: RetrievalDataset) -> Collection:
    """Read the three tables, leave out queries without a relevant document, and sample.

    Raises:
        UserError: a judgment of an unknown query or document, unless such rows are left out; no query with a relevant document.
    """
    reader = tables.TableReader(files, dataset)
    texts = {"document": tables.read_documents(reader, dataset.corpus), "query": tables.read_documents(reader, dataset.queries)}
    grades_by_query: dict[str, dict[str, int]] = {}
    for row in tables.read_judgments(reader, dataset.qrels, texts):
        if not (dataset.queries_are_documents and row["query"] == row["document"]):
            grades_by_query.setdefault(row["query"], {})[row["document"]] = row["relevance"]
    corpus, queries = ({name: text for name, text in texts[kind].items() if text} for kind in ("document", "query"))
    relevant = {query: grades for query, grades in grades_by_query.items() if any(grade > 0 for grade in grades.values())}
    if not relevant:
        raise UserError(f"{dataset.qrels.file}: expected a query with a relevant document, found none")
    chosen = _sample_names(list(relevant), dataset.limit.queries, dataset.seed, QUERIES)
    used = _sample_corpus(corpus, {document for query in chosen for document in relevant[query]}, dataset)
    counts = {
        "corpus": len(corpus),
        "queries": len(relevant),
        "judgments": sum(map(len, relevant.values())),
        "read": reader.counts["read"],
        "bad": reader.counts["bad"],
        "broken": reader.counts["broken"],
        "repeated": reader.counts["repeated"],
        "unanswered": len(queries) - len(relevant),
    }
    qrels = [
        {"query": query, "document": document, "relevance": grade}
        for query in chosen
        for document, grade in relevant[query].items()
    ]
    return Collection({name: corpus[name] for name in used}, {name: queries[name] for name in chosen}, qrels, counts)


def _sample_corpus(corpus: dict[str, str], needed: set[str], dataset: RetrievalDataset) -> list[str]:
    """Ids of the documents used: those needed and a sample of the rest up to the limit, in the order of the table."""
    limit = dataset.limit.corpus
    if limit is None:
        return list(corpus)
    not_needed = [name for name in corpus if name not in needed]
    added = set(_sample_names(not_needed, max(limit - len(needed), 0), dataset.seed, CORPUS))
    return [name for name in corpus if name in needed or name in added]


def _sample_names(names: list[str], limit: int | None, seed: int, stream: int) -> list[str]:
    """At most ``limit`` of the names, drawn by the seed, in their order."""
    if limit is None or limit >= len(names):
        return names
    drawn = np.argsort(random_keys(len(names), seed, stream), kind="stable")[:limit]
    return [names[index] for index in sorted(drawn)]
