"""How much of a text was learnt by heart: the longest run of it that stands in other texts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

import datasets
import evaluate
import numpy as np


class LongestCopied(evaluate.Metric):
    """Length of the longest run of pieces of some texts that stands, unbroken, in one of several others; the mean over texts.

    ``compute(predictions=texts, sources=others)`` takes each text as the sequence of its characters; with ``predictions`` and
    ``sources`` of token ids it counts tokens (:func:`longest_copied` does the same for one text). It returns ``length`` and
    ``n``, the number of texts.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Longest run of characters or tokens that stands in another text.",
            citation="Carlini et al. 2021, Extracting Training Data from Large Language Models",
            inputs_description="predictions: texts, or lists of token ids. sources: the same of the texts that may be copied.",
            features=[
                datasets.Features({"predictions": datasets.Value("string")}),
                datasets.Features({"predictions": datasets.Sequence(datasets.Value("int64"))}),
            ],
        )

    def _compute(self, predictions: Sequence[Sequence], sources: Sequence[Sequence]) -> dict[str, float | int]:
        lengths = [longest_copied(one, sources) for one in predictions]
        return {"length": float(np.mean(lengths)) if lengths else float("nan"), "n": len(lengths)}


def longest_copied(pieces: Sequence[Hashable], sources: Sequence[Sequence[Hashable]]) -> int:
    """Length of the longest run of ``pieces`` that stands, unbroken, in one of ``sources``: characters of strings, tokens of
    lists of ids.
    """
    longest = 0
    for source in sources:
        matcher = SequenceMatcher(None, pieces, source, autojunk=False)
        longest = max(longest, matcher.find_longest_match(0, len(pieces), 0, len(source)).size)
    return longest
