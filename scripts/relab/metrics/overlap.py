"""How much of some texts stands in a corpus: the share of their lines, the share of their words.

Added to rows A2 and A3, which ask whether generated text "could vaguely resemble the lyrics of a real song".
"""

from __future__ import annotations

from collections.abc import Callable

import datasets
import evaluate
import numpy as np
from scipy.stats import bootstrap

from relab.metrics.pieces import whole_lines, whole_words

RESAMPLES = 1000


class _Overlap(evaluate.Metric):
    """Share of the pieces of the predictions that are among the pieces of a corpus."""

    piece: str
    pieces: Callable[[str, str], list[str]]
    weight: Callable[[str], int]

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=f"Share of the whole {self.piece}s of some texts that stand in a corpus (relab.metrics.pieces).",
            citation="",
            inputs_description="predictions: texts. corpus: set of all its pieces in normal form. prompt: what stood before.",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions: list[str], corpus: set[str], prompt: str = "") -> dict[str, float | int]:
        pieces = [self.pieces(text, prompt) for text in predictions]
        totals = np.array([sum(self.weight(piece) for piece in one) for one in pieces])
        hits = np.array([sum(self.weight(piece) for piece in one if piece in corpus) for one in pieces])
        low, high = share_interval(hits, totals)
        return {"share": share(hits, totals), "n": sum(len(one) for one in pieces), "low": low, "high": high}


class LineOverlap(_Overlap):
    """Share of the whole lines of ``predictions`` that are lines of a corpus.

    ``compute(predictions=texts, corpus=lines_of(documents), prompt=what stood before each text)`` returns ``share``, ``n``
    (lines counted) and ``low``, ``high`` (95 % bootstrap interval over texts); NaN where there is nothing to count.
    """

    piece = "line"
    pieces = staticmethod(whole_lines)
    weight = staticmethod(lambda line: 1)


class WordOverlap(_Overlap):
    """Share of the whole words of ``predictions`` that are words of a corpus, each weighted by its length.

    As :class:`LineOverlap`, with ``words_of``; ``n`` is the number of words. The weight keeps chance small: among letters
    drawn by their frequency, a quarter of the words are words of a language, hardly one of more than two letters.
    """

    piece = "word"
    pieces = staticmethod(whole_words)
    weight = staticmethod(len)


def share(hits: np.ndarray, totals: np.ndarray, axis: int = -1) -> np.ndarray | float:
    """Sum of ``hits`` over sum of ``totals``, both ``[..., texts]``; NaN where the totals are 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(hits.sum(axis), totals.sum(axis))


def share_interval(hits: np.ndarray, totals: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the share, drawn over texts ``[texts]``; NaN for fewer than two texts."""
    counted = totals > 0
    hits, totals = hits[counted], totals[counted]
    if len(totals) < 2:
        return float("nan"), float("nan")
    drawn = bootstrap(
        (hits, totals), share, paired=True, vectorized=True, method="percentile", n_resamples=RESAMPLES, rng=0
    ).confidence_interval
    return float(drawn.low), float(drawn.high)
