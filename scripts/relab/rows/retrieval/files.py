"""What retrieval is scored and tabulated from: rankings and, for each data set, documents, queries and judgments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relab.datasets import storage
from relab.errors import UserError
from relab.files import short_digest
from relab.probes.rankings import Rankings, read_rankings
from relab.probes.systems import retriever_systems
from relab.rows.job import Job
from relab.rows.retrieval.names import Probe, Spec
from relab.settings.base import canonical


@dataclass(frozen=True)
class Retrieved:
    """The rankings of one probe, and what they rank."""

    probe: Probe
    rankings: Rankings
    corpus: dict[str, str]
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]
    """The relevance of documents by query."""

    @property
    def counts(self) -> dict[str, int]:
        """How many queries and documents there are: cells of tables."""
        return {"queries": len(self.qrels), "documents": len(self.corpus)}

    @property
    def data(self) -> str:
        """A digest of what the rankings are scored on: queries, judgments, and among which documents."""
        scored = [self.queries, self.qrels, list(self.corpus)]
        return short_digest(canonical(scored))


def read_probes(job: Job, spec: Spec) -> Iterator[Retrieved]:
    """The probes in the order of tables, one in memory at a time.

    Raises:
        UserError: a file that is missing or not asked for; rankings that lack a system or a query, or have one too many; a
            document that is not in the corpus; a query without a relevant document.
    """
    rankings = job.by_name("rankings", spec.probes)
    datasets = [probe.dataset for probe in spec.shown]
    files = {name: job.by_name(name, datasets) for name in ("corpus", "queries", "qrels")}
    for name in spec.order:
        probe = spec.probes[name]
        corpus, queries = (_texts(files[part][probe.dataset]) for part in ("corpus", "queries"))
        qrels = _qrels(files["qrels"][probe.dataset])
        retrieved = Retrieved(probe, read_rankings(rankings[name]), corpus, queries, qrels)
        _check(retrieved, rankings[name], files["qrels"][probe.dataset])
        yield retrieved


def _texts(path: Path) -> dict[str, str]:
    columns = storage.read(path)
    return dict(zip(columns["id"], columns["text"], strict=True))


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    columns, qrels = storage.read(path), {}
    for query, document, relevance in zip(columns["query"], columns["document"], columns["relevance"], strict=True):
        qrels.setdefault(query, {})[document] = relevance
    for query, judged in qrels.items():
        if max(judged.values()) <= 0:
            raise UserError(f"{path}: the query {query!r} has no relevant document, expected one at least")
    return qrels


def _check(retrieved: Retrieved, path: Path, qrels: Path) -> None:
    expected = retriever_systems(retrieved.probe)
    if list(retrieved.rankings) != expected:
        raise UserError(f"{path}: expected the systems {', '.join(expected)}, found {', '.join(retrieved.rankings) or 'none'}")
    for query in retrieved.qrels:
        if query not in retrieved.queries:
            raise UserError(f"{qrels}: judges the query {query!r}, which is not among the queries")
    for system, ranked in retrieved.rankings.items():
        for query in retrieved.qrels:
            if query not in ranked:
                raise UserError(f"{path}: {system} has no result for the query {query!r}, which {qrels} judges")
        for query, documents in ranked.items():
            if query not in retrieved.qrels:
                raise UserError(f"{path}: {system} ranks documents for the query {query!r}, which {qrels} does not judge")
            for document in documents:
                if document not in retrieved.corpus:
                    raise UserError(f"{path}: {system} ranks the document {document!r}, which is not in the corpus")
