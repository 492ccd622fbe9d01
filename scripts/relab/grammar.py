"""Sentences of a small probabilistic grammar: draws, and the exact probability of each."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from relab.settings.corpora import GrammarReader
from relab.settings.grammars import Alternatives, order, pieces, weights
from relab.streams import stream_seed

_DRAWN = 2**16  # sentences drawn at a time


class Grammar:
    """A probabilistic context-free grammar without recursion: its language is finite and is enumerated.

    What a symbol becomes depends on nothing else in the sentence. Settings have been checked when they come here
    (:func:`relab.settings.grammars.check`).
    """

    def __init__(self, reader: GrammarReader):
        self._sentences = _enumerate(reader)

    def sentences(self) -> dict[str, float]:
        """Every sentence with its probability, by code points; one that can be made in several ways stands once.

        Neither the order in which a grammar is written nor that of a symbol's texts changes a bit of this.
        """
        return dict(self._sentences)

    def draw(self, number: int, seed: int) -> Iterator[str]:
        """``number`` sentences drawn independently; of two numbers, the larger one's begin with the smaller one's.

        One uniform number a sentence, from the raw words of a counter-based generator (Salmon et al. 2011): these never
        change between versions of NumPy, unlike what its distributions make of them.
        """
        sentences = list(self._sentences)
        ends = np.cumsum(list(self._sentences.values()))
        words = np.random.Philox(key=stream_seed(seed))
        for begin in range(0, number, _DRAWN):
            uniforms = (words.random_raw(min(_DRAWN, number - begin)) >> np.uint64(11)) * 2.0**-53
            places = np.searchsorted(ends, uniforms * ends[-1], side="right")
            for place in np.minimum(places, len(sentences) - 1):  # the product may be rounded up to the last end
                yield sentences[place]


def _enumerate(reader: GrammarReader) -> dict[str, float]:
    texts: dict[str, dict[str, float]] = {}
    for symbol in order(reader.symbols):
        texts[symbol] = _texts(reader.symbols[symbol], texts)
    return texts[reader.start]


def _texts(alternatives: Alternatives, known: dict[str, dict[str, float]]) -> dict[str, float]:
    """All that a symbol may become, sorted; exactly rounded sums, so that their order does not matter."""
    weighted = weights(alternatives)
    total = math.fsum(weight for _, weight in weighted)
    found: dict[str, list[float]] = defaultdict(list)
    for text, weight in weighted:
        for made, probability in _filled(pieces(text), known):
            found[made].append(weight / total * probability)
    return {made: math.fsum(found[made]) for made in sorted(found)}


def _filled(cut: list[str], known: dict[str, dict[str, float]]) -> list[tuple[str, float]]:
    """The texts that one alternative makes, with their probabilities given that alternative."""
    made = [(cut[0], 1.0)]
    for symbol, letters in zip(cut[1::2], cut[2::2], strict=True):
        made = [
            (text + more + letters, probability * share) for text, probability in made for more, share in known[symbol].items()
        ]
    return made
