"""What metrics of outputs with references have in common: one output a pair, one or several references for it."""

from __future__ import annotations

from collections.abc import Sequence

import datasets

#: The unit of the measurements.
PAIR = "pair"

#: The features of a metric of texts with references.
PAIRS = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))})

INPUTS = "predictions: a text of each pair. references: of each pair, a list of one or more texts."


def check_pairs(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Refuse what is not one output and at least one reference for each of some pairs.

    Raises:
        ValueError: no pair, unequal numbers, a pair without a reference or whose references are one text, not a list.
    """
    if not len(outputs) or len(outputs) != len(references):
        raise ValueError(f"expected an output and a list of references a pair: {len(outputs)} and {len(references)}")
    for pair, texts in enumerate(references):
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"pair {pair}: expected a list of one reference or more, not {texts!r}")
