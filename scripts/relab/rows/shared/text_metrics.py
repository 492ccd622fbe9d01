"""Names of the metrics of texts with references, for the settings of rows: :mod:`relab.metrics.generation_names` has them too,
but takes a second to load."""

from __future__ import annotations

import re

LANGUAGE = "language share"

NAMES = ("BLEU", "chrF", "TER", "ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum", "token error rate", "exact match")
NAMES += ("length ratio", "copied words", "longest copied run", "verbatim sentences")
NAMES += (*(f"novel {size}-grams" for size in (1, 2, 3, 4)), "cut by the limit", "repeated 4-grams", LANGUAGE)


def column(metric: str) -> str:
    """The column of a metric in tables: ``rouge_1`` for ROUGE-1."""
    return re.sub(r"\W+", "_", metric.lower())
