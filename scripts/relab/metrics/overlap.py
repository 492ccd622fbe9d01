"""How much of some texts occurs in a corpus: the share of their lines, the share of their words.

For write-ups that ask whether generated text "could vaguely resemble the lyrics of a real song".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from relab.metrics import Metric
from relab.metrics.pieces import whole_lines, whole_words
from relab.statistics import Measurement


class _Overlap(Metric):
    """Share of the pieces of the predictions that are among the pieces of a corpus."""

    pieces: Callable[[str, str], list[str]]
    weight: Callable[[str], int]

    INPUTS = "predictions: texts. corpus: set of all its pieces in normal form. prompt: the text before each prediction."

    def _compute(self, predictions: list[str], corpus: set[str], prompt: str = "") -> dict[str, Measurement]:
        pieces = [self.pieces(text, prompt) for text in predictions]
        totals = np.array([sum(self.weight(piece) for piece in text_pieces) for text_pieces in pieces])
        hits = np.array([sum(self.weight(piece) for piece in text_pieces if piece in corpus) for text_pieces in pieces])
        return {"share": Measurement(hits, totals, "text", scale="share")}


class LineOverlap(_Overlap):
    """Share of the whole lines of ``predictions`` that are lines of a corpus.

    ``compute(predictions=texts, corpus=corpus_lines(documents), prompt=the text before each prediction)`` returns ``share``, a
    :class:`~relab.statistics.Measurement` text by text.
    """

    DESCRIPTION = "Share of the whole lines of some texts that stand in a corpus (relab.metrics.pieces)."
    pieces = staticmethod(whole_lines)
    weight = staticmethod(lambda line: 1)


class WordOverlap(_Overlap):
    """Share of the whole words of ``predictions`` that are words of a corpus, each weighted by its length.

    As :class:`LineOverlap`, with ``corpus_words``. The weight reduces matches by chance: of letters drawn by their frequency, a
    quarter of the words are words of a language, but hardly any of more than two letters.
    """

    DESCRIPTION = "Share of the whole words of some texts that stand in a corpus (relab.metrics.pieces)."
    pieces = staticmethod(whole_words)
    weight = staticmethod(len)
