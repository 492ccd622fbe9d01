"""Tables of retrieval: systems with their measures, recall by rank, and the first queries with their best documents.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.metrics.retrieval_names import MAP, MRR, NDCG, RECALLS, recall
from relab.probes.systems import BM25, fused
from relab.rows.job import MAIN, Job
from relab.rows.retrieval.files import Retrieved, read_probes
from relab.rows.retrieval.names import CHANCE, SPLIT, TableSpec, difference, features_of, p_value
from relab.scores import Summaries, read_scores

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
    spec = job.settings(TableSpec)
    probes, scores = list(read_probes(job, spec)), Summaries(read_scores(job.file("scores")), job.file("scores"))
    return {
        MAIN: retrieval_table(probes, spec.titles, scores),
        "recall": recall_table(probes, spec.titles, scores),
        "retrieval_examples": examples_table(probes, spec.titles),
    }


def retrieval_table(probes: Sequence[Retrieved], titles: dict[str, str], scores: Summaries) -> pd.DataFrame:
    """A system a row, chance first: each measure with ``_low`` and ``_high``, and its nDCG@10 less BM25's with its p-value.

    Raises:
        UserError: where a score is missing.
    """
    return pd.DataFrame([row for one in probes for row in _systems(one, titles[one.probe.dataset], scores)])


def _systems(one: Retrieved, title: str, scores: Summaries) -> Iterator[dict[str, Any]]:
    for system in (CHANCE, *one.rankings):
        row = {"data_set": title, "system": system, "features": features_of(system, one.probe)}
        for column, metric in COLUMNS.items():
            row |= scores.cells(column, f"{one.probe.dataset}/{system}", metric, SPLIT, DIGITS)
        yield {**row, **_beside_bm25(one, system, scores), "queries": len(one.qrels), "documents": len(one.corpus)}


def _beside_bm25(one: Retrieved, system: str, scores: Summaries) -> dict[str, str]:
    if system in (CHANCE, BM25):
        return dict.fromkeys(("difference", "difference_low", "difference_high", "p"), "")
    experiment = difference(one.probe.dataset, system)
    p = fixed(scores.value(experiment, p_value(NDCG), SPLIT), 4)
    return {**scores.cells("difference", experiment, NDCG, SPLIT, DIGITS), "p": p}


def recall_table(probes: Sequence[Retrieved], titles: dict[str, str], scores: Summaries) -> pd.DataFrame:
    """Recall among the first k documents: a data set, system and k a row.

    Raises:
        UserError: where a score is missing.
    """
    rows = []
    for one in probes:
        about = {"data_set": titles[one.probe.dataset], "queries": len(one.qrels), "documents": len(one.corpus)}
        for system, k in itertools.product((CHANCE, *one.rankings), RECALLS):
            found = scores.cells("recall", f"{one.probe.dataset}/{system}", recall(k), SPLIT, DIGITS)
            rows.append(
                {**about, "system": system, "k": k, **{key.removeprefix("recall_"): cell for key, cell in found.items()}}
            )
    return pd.DataFrame(rows)


def examples_table(probes: Sequence[Retrieved], titles: dict[str, str]) -> pd.DataFrame:
    """The first queries, never chosen ones, with the best documents of BM25, of a cosine and of their fusion.

    The cosine is that of the first encoder's means, or of its first pooling where means are none of its features.
    """
    return pd.DataFrame([row for one in probes for row in _examples(one, titles[one.probe.dataset])])


def _examples(one: Retrieved, title: str) -> Iterator[dict[str, Any]]:
    pooling = "mean" if "mean" in one.probe.pooling else one.probe.pooling[0]
    cosine = f"{one.probe.encoders[0]} {pooling}"
    for query in [query for query in one.queries if query in one.qrels][:EXAMPLES]:
        for system in (BM25, cosine, fused(cosine)):
            for rank, document in enumerate(one.rankings[system][query][:BEST], 1):
                yield {
                    "data_set": title,
                    "query": one.queries[query],
                    "system": system,
                    "rank": rank,
                    "document": one.corpus[document],
                    "relevant": "yes" if one.qrels[query].get(document, 0) > 0 else "no",
                }
