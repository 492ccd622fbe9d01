"""All rankings of a retriever: a cosine for each of its features, BM25, and each cosine fused with BM25."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import Features
from relab.inputs import by_part
from relab.probes.fusion import fuse
from relab.probes.lexical import bm25
from relab.probes.search import Ranked, exclude_documents, expand_texts, nearest_documents
from relab.probes.systems import BM25, fused_system
from relab.settings.probes import Retriever


@dataclass(frozen=True)
class Collection:
    """Documents and queries, ``id`` and ``text``, and the features of both by encoder."""

    corpus: dict[str, list[str]]
    queries: dict[str, list[str]]
    corpus_features: dict[str, Features]
    query_features: dict[str, Features]


def open_collection(
    probe: Retriever, corpus: Path, queries: Path, corpus_features: Sequence[Path], query_features: Sequence[Path]
) -> Collection:
    """Read documents and queries, and open their features, a file of each encoder.

    Raises:
        UserError: a file of another data set; features that are missing or not asked for, or of other texts.
    """
    for option, path in (("corpus", corpus), ("queries", queries)):
        if path.parent.name != probe.dataset:
            raise UserError(f"--{option}: expected a file of the data set {probe.dataset}, found {path}")
    documents, texts = storage.read(corpus), storage.read(queries)
    return Collection(
        documents,
        texts,
        _open_features(probe, "corpus-features", corpus_features, corpus, len(documents["id"])),
        _open_features(probe, "query-features", query_features, queries, len(texts["id"])),
    )


def _open_features(probe: Retriever, option: str, paths: Iterable[Path], part: Path, rows: int) -> dict[str, Features]:
    files = by_part(paths, probe.encoders, probe.dataset, [part.stem], option)
    opened = {encoder: Features(files[encoder, part.stem]) for encoder in probe.encoders}
    for features in opened.values():
        if len(features.index("text")) != rows:
            raise UserError(f"{features.path}: expected {rows} texts as in {part}, found {len(features.index('text'))}")
    return opened


def rank_documents(probe: Retriever, collection: Collection, queries_are_documents: bool) -> dict[str, Ranked]:
    """The ``probe.depth`` best documents of each query by system, in the order of systems.

    With ``queries_are_documents`` a query's own document is excluded from its results. The fusion ignores BM25's rank of a
    document that shares no word with the query.
    """
    documents, queries = collection.corpus, collection.queries
    indices = {name: index for index, name in enumerate(documents["id"])} if queries_are_documents else {}
    excluded = np.array([indices.get(name, -1) for name in queries["id"]])
    searched = probe.depth + queries_are_documents
    cosines = {}
    for encoder in probe.encoders:
        for pooling in probe.pooling:
            ranking = _cosine_ranking(probe, collection, encoder, pooling, searched)
            cosines[f"{encoder} {pooling}"] = exclude_documents(ranking, excluded, probe.depth)
    lexical = exclude_documents(bm25(documents["text"], queries["text"], probe.bm25, searched), excluded, probe.depth)
    matched = np.where(lexical.scores > 0, lexical.documents, -1)
    fusions = {
        fused_system(name): fuse([ranking.documents, matched], probe.fusion, probe.depth) for name, ranking in cosines.items()
    }
    return {**cosines, BM25: lexical, **fusions}


def _cosine_ranking(probe: Retriever, collection: Collection, encoder: str, pooling: str, depth: int) -> Ranked:
    documents, queries = collection.corpus_features[encoder], collection.query_features[encoder]
    ranked = nearest_documents(documents.blocks(pooling, probe.block), queries.vectors("text", pooling), depth)
    return expand_texts(ranked, documents.index("text"), depth)
