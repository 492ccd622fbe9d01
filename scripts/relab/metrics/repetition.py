"""How often sampled texts repeat themselves, prompt by prompt.

For write-ups that say of texts that they repeat or that they vary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import datasets

from relab.metrics import Metric
from relab.metrics.ngrams import distinct_share, repeated_share
from relab.statistics import Measurement


class _Repetition(Metric):
    """Mean over texts of a share of their n-grams."""

    size: int
    measure: Callable[[Sequence[int], int], float]

    INPUTS = "predictions: token ids of each text. prompts: an identifier of the prompt of each text."
    FEATURES = datasets.Features({"predictions": datasets.Sequence(datasets.Value("int64"))})

    def _compute(self, predictions: list[Sequence[int]], prompts: Sequence[int], items: str = "") -> dict[str, Measurement]:
        values = [self.measure(list(tokens), self.size) for tokens in predictions]
        return {"share": Measurement.of_groups(values, prompts, "prompt", items, "share")}


class RepeatedFourGrams(_Repetition):
    """Share of repeated 4-grams of tokens (``relab.metrics.ngrams.repeated_share``).

    ``compute(predictions=token ids of each text, prompts=a number for each prompt, items=an identifier of the prompts)``
    returns ``share``, a :class:`~relab.statistics.Measurement` prompt by prompt, since the texts of one prompt are alike: the
    mean over texts of at least four tokens.
    """

    DESCRIPTION = "Share of the 4-grams of a text's tokens that stood in it before; mean over texts."
    size = 4
    measure = staticmethod(repeated_share)


class DistinctTwoGrams(_Repetition):
    """Distinct-2, the share of distinct bigrams of tokens (``relab.metrics.ngrams.distinct_share``).

    As :class:`RepeatedFourGrams`; texts of fewer than two tokens are left out.
    """

    DESCRIPTION = "Distinct bigrams of a text's tokens among all of them; mean over texts."
    size = 2
    measure = staticmethod(distinct_share)
