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

    A symbol is expanded independently of the rest of the sentence. The settings have been checked before
    (:func:`relab.settings.grammars.check`).
    """

    def __init__(self, reader: GrammarReader):
        self._sentences = _enumerate(reader)

    def sentences(self) -> dict[str, float]:
        """Every sentence with its probability, sorted; a sentence with several derivations is listed once.

        The result does not depend on the order of the grammar's symbols or of a symbol's texts.
        """
        return dict(self._sentences)

    def draw(self, count: int, seed: int) -> Iterator[str]:
        """Yield ``count`` sentences drawn independently; a larger count begins with the sentences of a smaller one.

        Each sentence takes one uniform number, from the raw words of a counter-based generator (Salmon et al. 2011): unlike
        NumPy's distributions, these never change between versions.
        """
        sentences = list(self._sentences)
        ends = np.cumsum(list(self._sentences.values()))
        generator = np.random.Philox(key=stream_seed(seed))
        for start in range(0, count, _DRAWN):
            uniforms = (generator.random_raw(min(_DRAWN, count - start)) >> np.uint64(11)) * 2.0**-53
            indices = np.searchsorted(ends, uniforms * ends[-1], side="right")
            for index in np.minimum(indices, len(sentences) - 1):  # the product may be rounded up to the last end
                yield sentences[index]


def _enumerate(reader: GrammarReader) -> dict[str, float]:
    texts: dict[str, dict[str, float]] = {}
    for symbol in order(reader.symbols):
        texts[symbol] = _texts_of_symbol(reader.symbols[symbol], texts)
    return texts[reader.start]


def _texts_of_symbol(alternatives: Alternatives, known: dict[str, dict[str, float]]) -> dict[str, float]:
    """The texts of a symbol with their probabilities, sorted; sums are rounded exactly, so their order does not matter."""
    weighted = weights(alternatives)
    total = math.fsum(weight for _, weight in weighted)
    probabilities: dict[str, list[float]] = defaultdict(list)
    for text, weight in weighted:
        for expansion, probability in _expansions(pieces(text), known):
            probabilities[expansion].append(weight / total * probability)
    return {expansion: math.fsum(probabilities[expansion]) for expansion in sorted(probabilities)}


def _expansions(parts: list[str], known: dict[str, dict[str, float]]) -> list[tuple[str, float]]:
    """The expansions of an alternative, with their probabilities given that alternative."""
    expansions = [(parts[0], 1.0)]
    for symbol, letters in zip(parts[1::2], parts[2::2], strict=True):
        expansions = [
            (text + inner + letters, probability * share)
            for text, probability in expansions
            for inner, share in known[symbol].items()
        ]
    return expansions
