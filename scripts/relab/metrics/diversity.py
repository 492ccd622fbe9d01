"""How alike the texts of one method are: self-BLEU; and how varied each is in itself: distinct-2 of words."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np
from sacrebleu.metrics import BLEU

from relab.metrics.ngrams import distinct_share
from relab.metrics.words import words
from relab.statistics import Measurement

NAN = float("nan")


class SelfBLEU(evaluate.Metric):
    """Self-BLEU (Zhu et al. 2018): the mean over texts of BLEU-4 of each with all others as its references, by sacrebleu.

    ``compute(predictions=texts)`` returns ``self_bleu`` in [0, 1], 1 where all texts are the same, and ``n``, the number of
    texts; NaN for fewer than two. Only figures of equally many texts compare: each further reference can only help. BLEU is
    of single texts with sacrebleu's tokenizer and smoothing, and without the orders that a short text has no n-grams of. The
    values of texts depend on one another, so there is no interval over texts. Time grows with the square of their number.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Mean BLEU-4 of each text with the others as references.",
            citation="Zhu et al. 2018, Texygen: A Benchmarking Platform for Text Generation Models",
            inputs_description="predictions: texts, at least two.",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions: list[str]) -> dict[str, float | int]:
        if len(predictions) < 2:
            return {"self_bleu": NAN, "n": len(predictions)}
        bleu = BLEU(effective_order=True)
        values = [
            bleu.sentence_score(text, predictions[:place] + predictions[place + 1 :]).score / 100
            for place, text in enumerate(predictions)
        ]
        return {"self_bleu": float(np.mean(values)), "n": len(values)}


def distinct_two(texts: Sequence[str], items: str = "") -> Measurement:
    """Distinct-2 of words, text by text: the mean of the share of distinct bigrams over the texts that have one.

    Of words, not tokens, so that models of different vocabularies and people compare. Longer texts have fewer distinct
    bigrams by their length alone. ``items`` tells which texts these are, where others are drawn by the same numbers.
    """
    return Measurement.of([distinct_share(words(text), 2) for text in texts], "text", items, "share")
