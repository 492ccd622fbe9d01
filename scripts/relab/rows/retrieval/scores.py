"""Scores of retrieval: measures of each system over the queries, what chance is expected to reach, each system beside BM25.

Experiments are ``{data set}/{system}``, ``{data set}/chance`` and ``{data set}/{system} − BM25``; the split is ``test``, ``n``
counts queries. Chance is an expectation. ``nDCG@10 p`` of a difference is the two-sided p-value of a paired randomisation test
(:func:`relab.statistics.randomisation_p`), uncorrected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from relab.metrics.random_ranking import expected_measures
from relab.metrics.retrieval import MEASURES, Retrieval
from relab.metrics.retrieval_names import MRR, NDCG
from relab.probes.systems import BM25
from relab.rows.job import Job
from relab.rows.retrieval.files import Retrieved, read_probes
from relab.rows.retrieval.names import Spec
from relab.rows.shared.systems import CHANCE, SPLIT, experiment, p_value
from relab.scores import exact, score
from relab.statistics import Measurement, randomisation_p, units_digest

#: Nothing is trained, so there is one seed.
SEED = 0


def score_rankings(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    return {"scores": [row for probe in read_probes(job, job.settings(Spec)) for row in retrieval_scores(probe)]}


def retrieval_scores(retrieved: Retrieved) -> Iterator[dict[str, Any]]:
    """All scores of one probe."""
    values = per_query(retrieved)
    dataset, data, items = retrieved.probe.dataset, retrieved.data, units_digest(retrieved.data, list(retrieved.qrels))
    for name, value in chance(retrieved).items():
        yield exact(f"{dataset}/{CHANCE}", SEED, SPLIT, name, value, data)
    for system, measures in values.items():
        for name, by_query in measures.items():
            yield score(f"{dataset}/{system}", SEED, SPLIT, name, Measurement.of(by_query, "query", items, "share"), data)
    for system in values:
        if system != BM25:
            differences = values[system][NDCG] - values[BM25][NDCG]
            pair, p = experiment(dataset, system, BM25), Measurement.exactly(randomisation_p(differences))
            yield score(pair, SEED, SPLIT, NDCG, Measurement.of(differences, "query", items), data)
            yield score(pair, SEED, SPLIT, p_value(NDCG), p, data)


def per_query(retrieved: Retrieved) -> dict[str, dict[str, np.ndarray]]:
    """Each measure of each system, ``[queries]`` in the order of the judgments."""
    references = [{"documents": list(judged), "relevance": list(judged.values())} for judged in retrieved.qrels.values()]
    with tempfile.TemporaryDirectory() as folder:
        metric = Retrieval(keep_in_memory=True, cache_dir=folder)
        measured = {
            system: metric.compute(predictions=[ranked[query] for query in retrieved.qrels], references=references)["per_query"]
            for system, ranked in retrieved.rankings.items()
        }
    return {system: {name: measures[name] for name in (*MEASURES, MRR)} for system, measures in measured.items()}


def chance(retrieved: Retrieved) -> dict[str, float]:
    """The measures that a ranking in random order is expected to reach, means over queries."""
    expectations = []
    for query, judged in retrieved.qrels.items():
        itself = retrieved.probe.queries_are_documents and query in retrieved.corpus
        relevant = [grade for grade in judged.values() if grade > 0]
        expectations.append(expected_measures(relevant, len(retrieved.corpus) - itself, retrieved.probe.depth))
    return {name: float(np.mean([values[name] for values in expectations])) for name in expectations[0]}
