"""How much of some texts is copied: the share of their 8-grams of words that occur in a training corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from relab.metrics import Metric
from relab.metrics.words import words
from relab.statistics import Measurement

SIZE = 8


class CopiedEightGrams(Metric):
    """Share of the 8-grams of words (:func:`relab.metrics.words.words`) of some texts that occur in a corpus.

    ``compute(predictions=texts, corpus=what copied_eight_grams returned for these texts or more)`` returns ``share``, a
    :class:`~relab.statistics.Measurement` text by text. N-grams are counted as often as they occur in the texts; none crosses
    the border of two texts or documents.
    """

    DESCRIPTION = "Share of the 8-grams of words of some texts that stand in a corpus."
    INPUTS = "predictions: texts. corpus: those of their 8-grams that stand in it."

    def _compute(self, predictions: list[str], corpus: set[tuple[str, ...]]) -> dict[str, Measurement]:
        grams_of_texts = [list(eight_grams(text)) for text in predictions]
        totals = np.array([len(grams) for grams in grams_of_texts])
        hits = np.array([sum(gram in corpus for gram in grams) for grams in grams_of_texts])
        return {"share": Measurement(hits, totals, "text", scale="share")}


def eight_grams(text: str) -> Iterable[tuple[str, ...]]:
    """The runs of eight words of a text, in order."""
    text_words = words(text)
    return zip(*(text_words[start:] for start in range(SIZE)), strict=False)


def copied_eight_grams(documents: Iterable[str], texts: Sequence[str]) -> set[tuple[str, ...]]:
    """The 8-grams of some texts that occur in a corpus, which is read once; memory holds the texts and one document."""
    grams_of_texts = {gram for text in texts for gram in eight_grams(text)}
    copied: set[tuple[str, ...]] = set()
    for document in documents:
        copied.update(grams_of_texts.intersection(eight_grams(document)))
    return copied
