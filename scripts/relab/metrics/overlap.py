"""How much of some texts stands in a corpus: the share of their lines, the share of their words.

For write-ups that ask whether generated text "could vaguely resemble the lyrics of a real song".
"""

from __future__ import annotations

from collections.abc import Callable

import datasets
import evaluate
import numpy as np

from relab.metrics.pieces import whole_lines, whole_words
from relab.statistics import Measurement


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

    def _compute(self, predictions: list[str], corpus: set[str], prompt: str = "") -> dict[str, Measurement]:
        pieces = [self.pieces(text, prompt) for text in predictions]
        totals = np.array([sum(self.weight(piece) for piece in one) for one in pieces])
        hits = np.array([sum(self.weight(piece) for piece in one if piece in corpus) for one in pieces])
        return {"share": Measurement(hits, totals, "text", scale="share")}


class LineOverlap(_Overlap):
    """Share of the whole lines of ``predictions`` that are lines of a corpus.

    ``compute(predictions=texts, corpus=lines_of(documents), prompt=what stood before each text)`` returns ``share``, a
    :class:`~relab.statistics.Measurement` text by text.
    """

    piece = "line"
    pieces = staticmethod(whole_lines)
    weight = staticmethod(lambda line: 1)


class WordOverlap(_Overlap):
    """Share of the whole words of ``predictions`` that are words of a corpus, each weighted by its length.

    As :class:`LineOverlap`, with ``words_of``. The weight keeps chance small: among letters drawn by their frequency, a quarter
    of the words are words of a language, hardly one of more than two letters.
    """

    piece = "word"
    pieces = staticmethod(whole_words)
    weight = staticmethod(len)
