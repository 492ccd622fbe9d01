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
from relab.probes.search import Ranked, expanded, nearest, without
from relab.probes.systems import BM25, fused
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
    read = {path: storage.read(path) for path in (corpus, queries)}
    own = _features(probe, "corpus-features", corpus_features, corpus, len(read[corpus]["id"]))
    others = _features(probe, "query-features", query_features, queries, len(read[queries]["id"]))
    return Collection(read[corpus], read[queries], own, others)


def _features(probe: Retriever, option: str, paths: Iterable[Path], part: Path, rows: int) -> dict[str, Features]:
    files = by_part(paths, probe.encoders, probe.dataset, [part.stem], option)
    opened = {encoder: Features(files[encoder, part.stem]) for encoder in probe.encoders}
    for features in opened.values():
        if len(features.index("text")) != rows:
            raise UserError(f"{features.path}: expected {rows} texts as in {part}, found {len(features.index('text'))}")
    return opened


def rank(probe: Retriever, collection: Collection, queries_are_documents: bool) -> dict[str, Ranked]:
    """The best documents of each query by system, ``probe.depth`` of them, in the order of systems.

    With ``queries_are_documents`` the document of a query's id is no result of it. A document that shares no word with a query
    has no rank in BM25 that the fusion counts.
    """
    documents, queries = collection.corpus, collection.queries
    places = {name: place for place, name in enumerate(documents["id"])} if queries_are_documents else {}
    own = np.array([places.get(name, -1) for name in queries["id"]])
    more = probe.depth + queries_are_documents
    found = {
        f"{encoder} {pooling}": without(_cosine(probe, collection, encoder, pooling, more), own, probe.depth)
        for encoder in probe.encoders
        for pooling in probe.pooling
    }
    words = without(bm25(documents["text"], queries["text"], probe.bm25, more), own, probe.depth)
    matched = np.where(words.scores > 0, words.documents, -1)
    both = {fused(name): fuse([one.documents, matched], probe.fusion, probe.depth) for name, one in found.items()}
    return {**found, BM25: words, **both}


def _cosine(probe: Retriever, collection: Collection, encoder: str, pooling: str, depth: int) -> Ranked:
    documents, queries = collection.corpus_features[encoder], collection.query_features[encoder]
    found = nearest(documents.blocks(pooling, probe.block), queries.of("text", pooling), depth)
    return expanded(found, documents.index("text"), depth)
