"""Perplexity and bits per character of judged texts, text by text.

Perplexities of judges with different vocabularies are not comparable; bits per character are. Texts are taken as independent,
as several texts of one prompt are, or one text for each of several prompts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import datasets
import numpy as np

from relab.metrics import Metric
from relab.statistics import Estimate, Measurement, median_interval


class Perplexity(Metric):
    """Perplexity of a corpus and of its median text, and bits per character.

    ``compute(predictions=log-probabilities of each text's tokens in nats, characters=a number for each text)`` returns
    ``perplexity`` (:func:`corpus_perplexity`), ``median`` (:func:`median_perplexity`) and ``bits``
    (:func:`bits_per_character`). ``items`` identifies the texts.
    """

    DESCRIPTION = "Perplexity of a corpus, of its median text; bits per character; text by text."
    CITATION = "Jelinek et al. 1977, Perplexity: a measure of the difficulty of speech recognition tasks"
    INPUTS = "predictions: log-probabilities (nats) of the tokens of each text. characters: of each text."
    FEATURES = datasets.Features({"predictions": datasets.Sequence(datasets.Value("float64"))})

    def _compute(
        self, predictions: Sequence[Sequence[float]], characters: Sequence[int], items: str = ""
    ) -> dict[str, Measurement | Estimate]:
        return {
            "perplexity": corpus_perplexity(predictions, items),
            "median": median_perplexity(predictions),
            "bits": bits_per_character(predictions, characters, items),
        }


def corpus_perplexity(logprobs: Sequence[Sequence[float]], items: str = "", unit: str = "text") -> Measurement:
    """Exponential of the mean loss per token over all texts together; texts without tokens are not counted."""
    return Measurement(*_totals(logprobs), unit, items, "exponential")


def median_perplexity(logprobs: Sequence[Sequence[float]]) -> Estimate:
    """Median over texts of the exponential of a text's mean loss per token; texts without tokens are not counted."""
    losses, tokens = _totals(logprobs)
    values = np.exp(losses[tokens > 0] / tokens[tokens > 0])
    return Estimate(*median_interval(values), len(values), "text", 1)


def bits_per_character(
    logprobs: Sequence[Sequence[float]], characters: Sequence[int], items: str = "", unit: str = "text"
) -> Measurement:
    """Loss of all texts in bits divided by their characters (or bytes, where ``characters`` holds bytes)."""
    losses, tokens = _totals(logprobs)
    return Measurement(losses / math.log(2), np.where(tokens > 0, characters, 0), unit, items)


def first_tokens(logprobs: Sequence[Sequence[float]], length: int) -> list[Sequence[float]]:
    """The first ``length`` tokens of each text, without shorter texts."""
    return [values[:length] for values in logprobs if len(values) >= length]


def _totals(logprobs: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Loss in nats and number of tokens of each text."""
    return np.array([-math.fsum(values) for values in logprobs]), np.array([len(values) for values in logprobs])
