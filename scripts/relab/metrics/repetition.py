"""How often sampled texts repeat themselves, with an interval over the prompts that they continue.

Added to rows A5, B2, C1, D6 and E4, which say of texts that they repeat or that they vary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import datasets
import evaluate
import numpy as np

from relab.metrics.ngrams import distinct_share, repeated_share
from relab.metrics.overlap import share, share_interval


class _Repetition(evaluate.Metric):
    """Mean over texts of a share of their n-grams."""

    about: str
    size: int
    measure: Callable[[Sequence[int], int], float]

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.about,
            citation="",
            inputs_description="predictions: token ids of each text. prompts: what tells apart the prompt of each.",
            features=datasets.Features({"predictions": datasets.Sequence(datasets.Value("int64"))}),
        )

    def _compute(self, predictions: list[Sequence[int]], prompts: Sequence[int]) -> dict[str, float | int]:
        values = [self.measure(list(tokens), self.size) for tokens in predictions]
        value, n, low, high = mean_over_prompts(values, prompts)
        return {"value": value, "n": n, "low": low, "high": high, "short": len(values) - n}


class RepeatedFourGrams(_Repetition):
    """Share of repeated 4-grams of tokens (``relab.metrics.ngrams.repeated_share``).

    ``compute(predictions=token ids of each text, prompts=a number for the prompt of each)`` returns ``value`` (mean over
    texts), ``n`` (texts counted), ``short`` (texts left out: they have fewer than four tokens) and ``low``, ``high`` (95 %
    bootstrap interval over prompts, NaN for fewer than two).
    """

    about = "Share of the 4-grams of a text's tokens that stood in it before; mean over texts."
    size = 4
    measure = staticmethod(repeated_share)


class DistinctTwoGrams(_Repetition):
    """Distinct-2, the share of distinct bigrams of tokens (``relab.metrics.ngrams.distinct_share``).

    As :class:`RepeatedFourGrams`; texts of fewer than two tokens are left out.
    """

    about = "Distinct bigrams of a text's tokens among all of them; mean over texts."
    size = 2
    measure = staticmethod(distinct_share)


def mean_over_prompts(values: Sequence[float], prompts: Sequence[int]) -> tuple[float, int, float, float]:
    """The mean of what was measured on texts, how many have a value, and a 95 % bootstrap interval of the mean.

    The texts of one prompt are alike, so whole prompts are drawn, each with all of its texts. The interval is NaN for fewer
    than two prompts, the mean where no text has a value.
    """
    values = np.asarray(values, dtype=float)
    counted = ~np.isnan(values)
    known, place = np.unique(np.asarray(prompts), return_inverse=True)
    sums = np.bincount(place[counted], values[counted], minlength=len(known))
    counts = np.bincount(place[counted], minlength=len(known))
    return float(share(sums, counts)), int(counted.sum()), *share_interval(sums, counts)
