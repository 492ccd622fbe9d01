"""The table of tokenizers. Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.rows.job import MAIN, Job
from relab.rows.tokenizer_comparison.names import (
    CUT,
    DOCUMENTS,
    LONGEST,
    PER_TOKEN,
    UNKNOWN,
    VALIDATION_TOKENS,
    ShownTokenizer,
    TableSpec,
    experiment,
)
from relab.scores import Summaries, read_scores


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(TableSpec), Summaries(read_scores(job.file("scores")), job.file("scores"))
    return {MAIN: pd.DataFrame([tokenizer_row(tokenizer, scores, spec.limit) for tokenizer in spec.tokenizers])}


def tokenizer_row(tokenizer: ShownTokenizer, scores: Summaries, limit: int) -> dict[str, Any]:
    """A tokenizer's row; ``unknown`` is empty where it has no token for what it does not know.

    Raises:
        UserError: where a score is missing.
    """

    def value(metric: tuple[str, str]) -> float:
        return scores.value(experiment(tokenizer.name), *metric)

    metric, split = UNKNOWN
    has_unknown = (experiment(tokenizer.name), split, metric) in scores.summary.index
    return {
        "tokenizer": tokenizer.name,
        "vocabulary": tokenizer.vocabulary,
        "lower_case": "yes" if tokenizer.lower_case else "no",
        "character_coverage": f"{tokenizer.character_coverage:g}",
        "byte_fallback": "yes" if tokenizer.byte_fallback else "no",
        "characters_per_token": fixed(value(PER_TOKEN), 3),
        "unknown": fixed(value(UNKNOWN), 6) if has_unknown else "",
        "validation_tokens": int(value(VALIDATION_TOKENS)),
        "longest": int(value(LONGEST)),
        "cut": fixed(value(CUT), 4),
        "limit": limit,
        "documents": int(value(DOCUMENTS)),
    }
