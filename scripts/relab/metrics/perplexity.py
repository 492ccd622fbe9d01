"""Perplexity and bits per character of judged texts, with intervals over texts (row D4).

Perplexities under judges of different vocabularies do not compare; bits per character do. Intervals are 95 % percentile
bootstrap intervals over texts drawn one by one: they hold where texts are independent, as those of one prompt are, or one of
each of several prompts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import datasets
import evaluate
import numpy as np
from scipy.stats import bootstrap

from relab.metrics.overlap import RESAMPLES, share, share_interval

NAN = float("nan")


class Figure(NamedTuple):
    """A value, the number of texts it is of, and its interval, NaN for fewer than two texts."""

    value: float
    n: int
    low: float
    high: float


class Perplexity(evaluate.Metric):
    """Perplexity of a corpus and of its median text, and bits per character.

    ``compute(predictions=log-probabilities of each text's tokens in nats, characters=a number for each text)`` returns the
    :class:`Figure` ``perplexity`` (:func:`corpus_perplexity`), ``median`` (:func:`median_perplexity`) and ``bits``
    (:func:`bits_per_character`).
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Perplexity of a corpus, of its median text; bits per character; 95 % bootstrap intervals over texts.",
            citation="Jelinek et al. 1977, Perplexity: a measure of the difficulty of speech recognition tasks",
            inputs_description="predictions: log-probabilities (nats) of the tokens of each text. characters: of each text.",
            features=datasets.Features({"predictions": datasets.Sequence(datasets.Value("float64"))}),
        )

    def _compute(self, predictions: Sequence[Sequence[float]], characters: Sequence[int]) -> dict[str, Figure]:
        return {
            "perplexity": corpus_perplexity(predictions),
            "median": median_perplexity(predictions),
            "bits": bits_per_character(predictions, characters),
        }


def corpus_perplexity(logprobs: Sequence[Sequence[float]]) -> Figure:
    """Exponential of the mean loss a token over all texts together; texts without tokens are not counted."""
    losses, tokens = _totals(logprobs)
    low, high = share_interval(losses, tokens)
    # the exponential keeps the order, and so the percentiles
    return Figure(_exp(share(losses, tokens)), int((tokens > 0).sum()), _exp(low), _exp(high))


def median_perplexity(logprobs: Sequence[Sequence[float]]) -> Figure:
    """Median over texts of the exponential of a text's own mean loss a token; texts without tokens are not counted."""
    losses, tokens = _totals(logprobs)
    values = np.exp(losses[tokens > 0] / tokens[tokens > 0])
    if not len(values):
        return Figure(NAN, 0, NAN, NAN)
    low, high = NAN, NAN
    if len(values) > 1:
        options = {"vectorized": True, "method": "percentile", "n_resamples": RESAMPLES, "rng": 0}
        low, high = bootstrap((values,), np.median, **options).confidence_interval
    return Figure(float(np.median(values)), len(values), float(low), float(high))


def bits_per_character(logprobs: Sequence[Sequence[float]], characters: Sequence[int]) -> Figure:
    """Loss of all texts in bits divided by the characters that their tokens hold."""
    losses, tokens = _totals(logprobs)
    bits, characters = losses / math.log(2), np.where(tokens > 0, characters, 0)
    low, high = share_interval(bits, characters)
    return Figure(float(share(bits, characters)), int((characters > 0).sum()), low, high)


def first_tokens(logprobs: Sequence[Sequence[float]], length: int) -> list[Sequence[float]]:
    """The first ``length`` tokens of each text that has so many; others are left out."""
    return [values[:length] for values in logprobs if len(values) >= length]


def _totals(logprobs: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Loss in nats and number of tokens of each text."""
    return np.array([-math.fsum(values) for values in logprobs]), np.array([len(values) for values in logprobs])


def _exp(value: float) -> float:
    return float(np.exp(value))
