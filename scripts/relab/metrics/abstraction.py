"""How much of each output is copied from its own source, in words (:func:`relab.metrics.words.words`), pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.metrics.memorisation import longest_copied
from relab.metrics.ngrams import ngrams
from relab.metrics.references import PAIR
from relab.metrics.words import words
from relab.statistics import Measurement


def copied_words(outputs: Sequence[str], sources: Sequence[str], items: str = "") -> Measurement:
    """The share of all words of the outputs, in [0, 1], that stand in the pair's source, wherever and however often.

    Known as the coverage of extractive fragments (Grusky, Naaman & Artzi 2018, Newsroom): a single word is a fragment already,
    so words as frequent as "the" count. One minus the novel 1-grams.
    """
    novel = novel_ngrams(outputs, sources, 1, items)
    return Measurement(novel.counts - novel.sums, novel.counts, PAIR, items, "share")


def novel_ngrams(outputs: Sequence[str], sources: Sequence[str], size: int, items: str = "") -> Measurement:
    """The share of all n-grams of words of the outputs, in [0, 1], that do not stand in the pair's source.

    Source: See, Liu & Manning 2017, Get To The Point: Summarization with Pointer-Generator Networks. N-grams count as often as
    they occur, over all outputs together; outputs of fewer words are not counted.
    """
    novel, totals = [], []
    for output, source in zip(outputs, sources, strict=True):
        grams, known = ngrams(words(output), size), set(ngrams(words(source), size))
        novel.append(sum(gram not in known for gram in grams))
        totals.append(len(grams))
    return Measurement(np.array(novel, float), np.array(totals, float), PAIR, items, "share")


def longest_copied_run(outputs: Sequence[str], sources: Sequence[str], items: str = "") -> Measurement:
    """The longest run of words of each output that stands, unbroken, in the pair's source; mean over outputs, in words.

    0 for an output that has no word of its source, or no word.
    """
    runs = [longest_copied(words(output), [words(source)]) for output, source in zip(outputs, sources, strict=True)]
    return Measurement.of(runs, PAIR, items)
