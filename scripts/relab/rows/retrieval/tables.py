"""Tables of retrieval: systems with their measures, recall by rank, and the first queries with their best documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.metrics.retrieval_names import MAP, MRR, NDCG, RECALLS, recall
from relab.probes.systems import BM25, fused_system
from relab.rows.job import MAIN, Job
from relab.rows.retrieval.files import Retrieved, read_probes
from relab.rows.retrieval.names import Spec, features_of
from relab.rows.shared.best import HIGHER, Ranking, with_best
from relab.rows.shared.systems import CHANCE, SPLIT, experiment, p_value
from relab.scores import Summaries
from relab.words import words_told

#: The measures of the table by column.
COLUMNS = {
    "ndcg_10": NDCG,
    "recall_1": recall(1),
    "recall_10": recall(10),
    "recall_100": recall(100),
    "mrr_10": MRR,
    "map": MAP,
}
DIGITS = 3
#: Queries of each data set among the examples, and documents of each query and system.
EXAMPLES, BEST = 5, 3


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(Spec)
    probes, scores = list(read_probes(job, spec)), Summaries.read(job.file("scores"))
    return {
        MAIN: retrieval_table(probes, spec.titles, scores),
        "recall": recall_table(probes, spec.titles, scores),
        "retrieval_examples": examples_table(probes, spec.titles),
    }


def retrieval_table(probes: Sequence[Retrieved], titles: dict[str, str], scores: Summaries) -> pd.DataFrame:
    """A system a row, chance first: each measure with ``_low`` and ``_high``, and its nDCG@10 less BM25's with its p-value."""
    rows = [row for retrieved in probes for row in _systems(retrieved, titles[retrieved.probe.dataset], scores)]
    good = {column: Ranking(metric, HIGHER, SPLIT) for column, metric in COLUMNS.items()}
    return pd.DataFrame(with_best(rows, scores, good))


def _systems(retrieved: Retrieved, title: str, scores: Summaries) -> Iterator[tuple[str, dict[str, Any]]]:
    words = words_told(retrieved.corpus.values())
    for system in (CHANCE, *retrieved.rankings):
        row = {"data_set": title, "system": system, "features": features_of(system, retrieved.probe, words)}
        for column, metric in COLUMNS.items():
            row |= scores.cells(column, experiment(retrieved.probe.dataset, system), metric, SPLIT, DIGITS)
        row |= _beside_bm25(retrieved, system, scores)
        yield experiment(retrieved.probe.dataset, system), {**row, **retrieved.counts}


def _beside_bm25(retrieved: Retrieved, system: str, scores: Summaries) -> dict[str, str]:
    if system in (CHANCE, BM25):
        return dict.fromkeys(("difference", "difference_low", "difference_high", "p"), "")
    pair = experiment(retrieved.probe.dataset, system, BM25)
    p = format_fixed(scores.value(pair, p_value(NDCG), SPLIT), 4)
    return {**scores.cells("difference", pair, NDCG, SPLIT, DIGITS), "p": p}


def recall_table(probes: Sequence[Retrieved], titles: dict[str, str], scores: Summaries) -> pd.DataFrame:
    """Recall among the first k documents: a data set, system and k a row."""
    rows = []
    for retrieved in probes:
        about = {"data_set": titles[retrieved.probe.dataset], **retrieved.counts}
        for system, k in itertools.product((CHANCE, *retrieved.rankings), RECALLS):
            cells = scores.cells("recall", f"{retrieved.probe.dataset}/{system}", recall(k), SPLIT, DIGITS)
            named = {key.removeprefix("recall_"): cell for key, cell in cells.items()}
            rows.append({**about, "system": system, "k": k, **named})
    return pd.DataFrame(rows)


def examples_table(probes: Sequence[Retrieved], titles: dict[str, str]) -> pd.DataFrame:
    """The first queries, never chosen ones, with the best documents of BM25, of a cosine and of their fusion.

    The cosine is that of the first encoder's means, or of its first pooling where means are none of its features.
    """
    return pd.DataFrame([row for retrieved in probes for row in _examples(retrieved, titles[retrieved.probe.dataset])])


def _examples(retrieved: Retrieved, title: str) -> Iterator[dict[str, Any]]:
    pooling = "mean" if "mean" in retrieved.probe.pooling else retrieved.probe.pooling[0]
    cosine = f"{retrieved.probe.encoders[0]} {pooling}"
    for query in [query for query in retrieved.queries if query in retrieved.qrels][:EXAMPLES]:
        for system in (BM25, cosine, fused_system(cosine)):
            for rank, document in enumerate(retrieved.rankings[system][query][:BEST], 1):
                yield {
                    "data_set": title,
                    "query": retrieved.queries[query],
                    "system": system,
                    "rank": rank,
                    "document": retrieved.corpus[document],
                    "relevant": "yes" if retrieved.qrels[query].get(document, 0) > 0 else "no",
                }
