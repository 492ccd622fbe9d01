"""How alike the texts of one method are (self-BLEU), and how varied each text is in itself (distinct-2 of words)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import BLEU

from relab.metrics import Metric
from relab.metrics.ngrams import distinct_share
from relab.metrics.translation import BLEU_OPTIONS
from relab.metrics.words import words
from relab.statistics import Measurement
from relab.words import script


class SelfBLEU(Metric):
    """Self-BLEU (Zhu et al. 2018): the mean over texts of BLEU-4 of each text with all others as references, by sacrebleu.

    ``compute(predictions=texts)`` returns ``self_bleu`` in [0, 1], 1 where all texts are the same, and ``n``, the number of
    texts; NaN for fewer than two. Only values of equally many texts are comparable, since further references can only raise
    BLEU, which is computed text by text with sacrebleu's tokenizer (of characters, where no blanks divide words) and smoothing,
    without the orders that a short text has no n-grams of. The values of texts depend on one another, so there is no interval
    over texts. Time is quadratic in the texts.
    """

    DESCRIPTION = "Mean BLEU-4 of each text with the others as references."
    CITATION = "Zhu et al. 2018, Texygen: A Benchmarking Platform for Text Generation Models"
    INPUTS = "predictions: texts, at least two."

    def _compute(self, predictions: list[str]) -> dict[str, float | int]:
        if len(predictions) < 2:
            return {"self_bleu": math.nan, "n": len(predictions)}
        bleu = BLEU(effective_order=True, **BLEU_OPTIONS.get(script(predictions), {}))
        values = [
            bleu.sentence_score(text, predictions[:index] + predictions[index + 1 :]).score / 100
            for index, text in enumerate(predictions)
        ]
        return {"self_bleu": float(np.mean(values)), "n": len(values)}


def distinct_two(texts: Sequence[str], items: str = "") -> Measurement:
    """Distinct-2 of words, text by text: the mean of the share of distinct bigrams over the texts that have one.

    Of words, not tokens, so that models of different vocabularies and human texts are comparable. Longer texts have fewer
    distinct bigrams by their length alone. ``items`` identifies the texts, where other texts are drawn with the same numbers.
    """
    return Measurement.of([distinct_share(words(text), 2) for text in texts], "text", items, "share")
