"""Measures of rankings as trec_eval computes them, by ir_measures."""

from __future__ import annotations

import datasets
import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG

from relab.metrics import Metric
from relab.metrics.retrieval_names import CUTOFF, MAP, MRR, NDCG, RECALLS, recall

MEASURES = {NDCG: nDCG @ CUTOFF, **{recall(k): R @ k for k in RECALLS}, MAP: AP}


class Retrieval(Metric):
    """nDCG@10 (gains are grades), recall@k, MRR@10 and MAP of rankings; MAP is over the documents that the rankings hold.

    ``compute(predictions=documents of each query, the best first, references=judgments of each query)``, a judgment being
    ``{"documents": ids, "relevance": whole numbers, relevant above 0}``, returns for each measure its mean over queries, and
    under ``per_query`` its values ``[queries]``.
    """

    DESCRIPTION = "nDCG@10, recall@k, MRR@10 and MAP of rankings, as trec_eval computes them."
    INPUTS = "predictions: ids of documents, the best first. references: documents and their relevance."
    FEATURES = datasets.Features(
        {
            "predictions": datasets.Sequence(datasets.Value("string")),
            "references": {
                "documents": datasets.Sequence(datasets.Value("string")),
                "relevance": datasets.Sequence(datasets.Value("int64")),
            },
        }
    )

    def _compute(self, predictions: list, references: list) -> dict[str, float | dict[str, np.ndarray]]:
        qrels = {
            str(query): dict(zip(judgments["documents"], map(int, judgments["relevance"]), strict=True))
            for query, judgments in enumerate(references)
        }
        per_query = _values(MEASURES, qrels, predictions)
        # trec_eval's reciprocal rank has no cutoff, but is that of a ranking that ends there
        per_query |= _values({MRR: RR}, qrels, [ranking[:CUTOFF] for ranking in predictions])
        return {**{name: float(values.mean()) for name, values in per_query.items()}, "per_query": per_query}


def _values(measures: dict, qrels: dict[str, dict[str, int]], rankings: list) -> dict[str, np.ndarray]:
    # trec_eval sorts by score, and equal scores by id: minus the rank keeps the order of the ranking
    run = {
        str(query): {document: -float(rank) for rank, document in enumerate(ranking)} for query, ranking in enumerate(rankings)
    }
    names = {measure: name for name, measure in measures.items()}
    values_by_measure = {name: np.zeros(len(rankings)) for name in measures}
    for measurement in ir_measures.pytrec_eval.iter_calc(list(names), qrels, run):
        values_by_measure[names[measurement.measure]][int(measurement.query_id)] = measurement.value
    return values_by_measure
