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

from relab.metrics.chance import expected
from relab.metrics.retrieval import MEASURES, Retrieval
from relab.metrics.retrieval_names import MRR, NDCG
from relab.probes.systems import BM25
from relab.rows.job import Job
from relab.rows.retrieval.files import Retrieved, read_probes
from relab.rows.retrieval.names import CHANCE, SPLIT, Spec, difference, p_value
from relab.scores import exact, score
from relab.statistics import Measurement, identity, randomisation_p

#: Nothing is trained, so there is one seed.
SEED = 0


def score_rankings(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    return {"scores": [row for probe in read_probes(job, job.settings(Spec)) for row in retrieval_scores(probe)]}


def retrieval_scores(one: Retrieved) -> Iterator[dict[str, Any]]:
    """All scores of one probe."""
    values = per_query(one)
    dataset, data, items = one.probe.dataset, one.data, identity(one.data, list(one.qrels))
    for name, found in chance(one).items():
        yield exact(f"{dataset}/{CHANCE}", SEED, SPLIT, name, found, data)
    for system, measures in values.items():
        for name, found in measures.items():
            yield score(f"{dataset}/{system}", SEED, SPLIT, name, Measurement.of(found, "query", items, "share"), data)
    for system in values:
        if system != BM25:
            differences = values[system][NDCG] - values[BM25][NDCG]
            experiment, p = difference(dataset, system), Measurement.exactly(randomisation_p(differences))
            yield score(experiment, SEED, SPLIT, NDCG, Measurement.of(differences, "query", items), data)
            yield score(experiment, SEED, SPLIT, p_value(NDCG), p, data)


def per_query(one: Retrieved) -> dict[str, dict[str, np.ndarray]]:
    """Each measure of each system, ``[queries]`` in the order of the judgments."""
    references = [{"documents": list(own), "relevance": list(own.values())} for own in one.qrels.values()]
    with tempfile.TemporaryDirectory() as folder:
        metric = Retrieval(keep_in_memory=True, cache_dir=folder)
        found = {
            system: metric.compute(predictions=[own[query] for query in one.qrels], references=references)["per_query"]
            for system, own in one.rankings.items()
        }
    return {system: {name: own[name] for name in (*MEASURES, MRR)} for system, own in found.items()}


def chance(one: Retrieved) -> dict[str, float]:
    """The measures that a ranking in random order is expected to reach, means over queries."""
    found = []
    for query, judged in one.qrels.items():
        itself = one.probe.queries_are_documents and query in one.corpus
        relevant = [grade for grade in judged.values() if grade > 0]
        found.append(expected(relevant, len(one.corpus) - itself, one.probe.depth))
    return {name: float(np.mean([own[name] for own in found])) for name in found[0]}
