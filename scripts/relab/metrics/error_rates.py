"""Errors of outputs against references: edits token by token, outputs that are wholly right."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from relab.metrics import Metric
from relab.metrics.references import INPUTS, PAIR, PAIRS, check_pairs
from relab.statistics import Measurement

#: What divides a text into its tokens.
Split = Callable[[str], Sequence[Hashable]]


class TokenErrorRate(Metric):
    """Edits that make the outputs their references, divided by the tokens of the references.

    ``compute(predictions=texts, references=lists of texts, items=digest of the pairs, split=str.split)`` returns ``rate``
    (:func:`token_error_rate`).
    """

    DESCRIPTION = "Insertions, deletions and substitutions divided by the tokens of the references."
    INPUTS = INPUTS
    FEATURES = PAIRS

    def _compute(
        self, predictions: Sequence[str], references: Sequence[Sequence[str]], items: str = "", split: Split = str.split
    ) -> dict[str, Measurement]:
        return {"rate": token_error_rate(predictions, references, items, split)}


def token_error_rate(
    outputs: Sequence[str], references: Sequence[Sequence[str]], items: str = "", split: Split = str.split
) -> Measurement:
    """Edits that make each output its reference, divided by the tokens of the references: 0 or more, lower is better.

    Edits are insertions, deletions and substitutions of single tokens (Levenshtein's distance, by RapidFuzz). This is the
    phoneme error rate where texts are phonemes with blanks between them, the word error rate of texts, and with ``split=list``
    the character error rate. Of several references, such as the pronunciations of a word, the nearest counts: that of the
    fewest edits, the first of equals.

    Source: Yao & Zweig 2015, Sequence-to-Sequence Neural Net Models for Grapheme-to-Phoneme Conversion.

    Raises:
        ValueError: no pair, a pair without a reference, or a reference without a token.
    """
    from rapidfuzz.distance import Levenshtein

    check_pairs(outputs, references)
    edits, tokens = [], []
    for pair, (output, texts) in enumerate(zip(outputs, references, strict=True)):
        output_tokens, reference_tokens = list(split(output)), [list(split(text)) for text in texts]
        if not all(reference_tokens):
            raise ValueError(f"pair {pair}: a reference without a token: {texts!r}")
        distances = [Levenshtein.distance(output_tokens, reference) for reference in reference_tokens]
        nearest = int(np.argmin(distances))
        edits.append(distances[nearest])
        tokens.append(len(reference_tokens[nearest]))
    return Measurement(np.array(edits, float), np.array(tokens, float), PAIR, items)


def exact_match(outputs: Sequence[str], references: Sequence[Sequence[str]], items: str = "") -> Measurement:
    """The share of outputs, in [0, 1], that are one of their references.

    Composed and decomposed letters (Unicode NFC) and all runs of white space count as equal; case and punctuation matter.

    Raises:
        ValueError: no pair, or a pair without a reference.
    """
    check_pairs(outputs, references)
    right = [plain(output) in set(map(plain, texts)) for output, texts in zip(outputs, references, strict=True)]
    return Measurement.of(right, PAIR, items, "share")


def plain(text: str) -> str:
    """A text in Unicode NFC, runs of white space as one blank and none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())
