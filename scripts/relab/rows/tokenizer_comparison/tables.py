"""The table of tokenizers. Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from relab.cells import format_fixed
from relab.rows.job import MAIN, Job
from relab.rows.tokenizer_comparison import names
from relab.rows.tokenizer_comparison.documents import document_lengths, read_tokens
from relab.scores import Summaries
from relab.tokens.store import Tokens

#: Lengths of documents that the table has, from the shortest to the longest.
QUANTILES = 51


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    scores, limit, tokenizers = Summaries.read(job.file("scores")), job.spec["limit"], job.spec["tokenizers"]
    tokens = read_tokens(job, [tokenizer["name"] for tokenizer in tokenizers])
    return {
        MAIN: pd.DataFrame([tokenizer_row(tokenizer, scores, limit) for tokenizer in tokenizers]),
        "lengths": pd.concat([lengths_table(name, splits) for name, splits in tokens.items()]),
    }


def lengths_table(tokenizer: str, splits: Mapping[str, Tokens]) -> pd.DataFrame:
    """How long documents are: the ``share`` of all documents that have at most so many ``tokens``, marks included."""
    shares = np.linspace(0, 1, QUANTILES)
    tokens = np.quantile(document_lengths(splits), shares, method="inverted_cdf").astype(int)
    return pd.DataFrame({"tokenizer": tokenizer, "tokens": tokens, "share": [format_fixed(share, 2) for share in shares]})


def tokenizer_row(tokenizer: Mapping[str, Any], scores: Summaries, limit: int) -> dict[str, Any]:
    """A tokenizer's row; ``unknown`` is empty where it has no token for what it does not know.

    Args:
        tokenizer: its ``name`` and those of its settings that the table shows.
        limit: tokens of a document, marks included, beyond which it counts as cut.

    Raises:
        UserError: where a score is missing.
    """

    def value(metric: tuple[str, str]) -> float:
        return scores.value(names.experiment(tokenizer["name"]), *metric)

    metric, split = names.UNKNOWN
    has_unknown = (names.experiment(tokenizer["name"]), split, metric) in scores.summary.index
    return {
        "tokenizer": tokenizer["name"],
        "vocabulary": tokenizer["vocabulary"],
        "lower_case": "yes" if tokenizer["lower_case"] else "no",
        "character_coverage": f"{tokenizer['character_coverage']:g}",
        "byte_fallback": "yes" if tokenizer["byte_fallback"] else "no",
        "characters_per_token": format_fixed(value(names.PER_TOKEN), 3),
        "unknown": format_fixed(value(names.UNKNOWN), 6) if has_unknown else "",
        "validation_tokens": int(value(names.VALIDATION_TOKENS)),
        "longest": int(value(names.LONGEST)),
        "cut": format_fixed(value(names.CUT), 4),
        "limit": limit,
        "documents": int(value(names.DOCUMENTS)),
    }
