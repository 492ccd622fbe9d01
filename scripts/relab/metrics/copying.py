"""How much of some texts is copied: the share of their 8-grams of words that stand in a training corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import datasets
import evaluate
import numpy as np

from relab.metrics.words import words
from relab.statistics import Measurement

SIZE = 8


class CopiedEightGrams(evaluate.Metric):
    """Share of the 8-grams of words (:func:`relab.metrics.words.words`) of some texts that stand in a corpus.

    ``compute(predictions=texts, corpus=what found_in gave for these texts or more)`` returns ``share``, a
    :class:`~relab.statistics.Measurement` text by text. N-grams are counted as often as they occur in the texts; none reaches
    over the border of two texts or documents.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Share of the 8-grams of words of some texts that stand in a corpus.",
            citation="",
            inputs_description="predictions: texts. corpus: those of their 8-grams that stand in it.",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions: list[str], corpus: set[tuple[str, ...]]) -> dict[str, Measurement]:
        grams = [list(eight_grams(text)) for text in predictions]
        totals = np.array([len(own) for own in grams])
        hits = np.array([sum(gram in corpus for gram in own) for own in grams])
        return {"share": Measurement(hits, totals, "text", scale="share")}


def eight_grams(text: str) -> Iterable[tuple[str, ...]]:
    """The runs of eight words of a text, in order."""
    found = words(text)
    return zip(*(found[start:] for start in range(SIZE)), strict=False)


def found_in(documents: Iterable[str], texts: Sequence[str]) -> set[tuple[str, ...]]:
    """Those 8-grams of some texts that stand in a corpus, which is read once; memory is that of the texts and one document."""
    wanted = {gram for text in texts for gram in eight_grams(text)}
    found: set[tuple[str, ...]] = set()
    for document in documents:
        found.update(wanted.intersection(eight_grams(document)))
    return found
