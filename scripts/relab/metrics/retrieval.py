"""Measures of rankings as trec_eval computes them, by ir_measures."""

from __future__ import annotations

import datasets
import evaluate
import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG

from relab.metrics.retrieval_names import CUTOFF, MAP, MRR, NDCG, RECALLS, recall

MEASURES = {NDCG: nDCG @ CUTOFF, **{recall(k): R @ k for k in RECALLS}, MAP: AP}


class Retrieval(evaluate.Metric):
    """nDCG@10 (gains are grades), recall@k, MRR@10 and MAP of rankings; MAP is over the documents that the rankings hold.

    ``compute(predictions=documents of each query, the best first, references=judgments of each query)``, a judgment being
    ``{"documents": ids, "relevance": whole numbers, relevant above 0}``, returns for each measure its mean over queries, and
    under ``per_query`` its values ``[queries]``.
    """

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        judgments = {"documents": datasets.Sequence(text), "relevance": datasets.Sequence(datasets.Value("int64"))}
        return evaluate.MetricInfo(
            description="nDCG@10, recall@k, MRR@10 and MAP of rankings, as trec_eval computes them.",
            citation="",
            inputs_description="predictions: ids of documents, the best first. references: documents and their relevance.",
            features=datasets.Features({"predictions": datasets.Sequence(text), "references": judgments}),
        )

    def _compute(self, predictions: list, references: list) -> dict[str, float | dict[str, np.ndarray]]:
        qrels = {
            str(place): dict(zip(own["documents"], map(int, own["relevance"]), strict=True))
            for place, own in enumerate(references)
        }
        per_query = _values(MEASURES, qrels, predictions)
        # trec_eval's reciprocal rank knows no cutoff, but it is that of a ranking which ends there
        per_query |= _values({MRR: RR}, qrels, [own[:CUTOFF] for own in predictions])
        return {**{name: float(values.mean()) for name, values in per_query.items()}, "per_query": per_query}


def _values(measures: dict, qrels: dict[str, dict[str, int]], rankings: list) -> dict[str, np.ndarray]:
    # trec_eval sorts by score and equal ones by id: minus the rank keeps the order of the ranking
    run = {str(place): {document: -float(rank) for rank, document in enumerate(own)} for place, own in enumerate(rankings)}
    names = {measure: name for name, measure in measures.items()}
    found = {name: np.zeros(len(rankings)) for name in measures}
    for one in ir_measures.pytrec_eval.iter_calc(list(names), qrels, run):
        found[names[one.measure]][int(one.query_id)] = one.value
    return found
