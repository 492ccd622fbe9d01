"""How alike the texts of one method are: self-BLEU; and how varied each is in itself: distinct-2 of words."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np
from sacrebleu.metrics import BLEU

from relab.metrics.ngrams import distinct_share
from relab.metrics.repetition import mean_over_prompts
from relab.metrics.words import words

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


def distinct_two(texts: Sequence[str]) -> tuple[float, int, float, float]:
    """Distinct-2 of words: mean over texts of the share of distinct bigrams, texts that have one, 95 % bootstrap interval.

    Of words, not tokens, so that models of different vocabularies and people compare. Longer texts have fewer distinct
    bigrams by their length alone.
    """
    return mean_over_prompts([distinct_share(words(text), 2) for text in texts], range(len(texts)))
