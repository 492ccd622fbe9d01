"""Tables of sampled texts: a method a row with its first text and its measures, and all texts.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.scores import Summaries
from relab.statistics import standard_deviation
from relab.texts.arguments import inert_arguments, keyword_arguments
from relab.texts.measures import DISTINCT, ENDED, LOGPROB, MEASURES, REPEATED, SPLIT, TOKENS, same_texts
from relab.texts.samples import Text, Texts

#: The measures of the tables: column, and its decimals (shares, nats a token).
COLUMNS = {REPEATED: ("repeated_4grams", 3), DISTINCT: ("distinct_2", 3), LOGPROB: ("mean_logprob", 3)}


def methods_table(samplings: Sequence[Texts], scores: Summaries) -> pd.DataFrame:
    """A method a row: its arguments, its first text for the first prompt (never a chosen one), measures of all its texts.

    Each measure has its mean over texts, ``_low`` and ``_high`` (95 % interval over prompts, empty with one prompt)
    and ``_sd`` (standard deviation over texts, empty with one text).

    Raises:
        UserError: where a score is missing.
    """
    return pd.DataFrame([_method_row(sampled, method, scores) for sampled in samplings for method in sampled.methods])


def _method_row(sampled: Texts, method: str, scores: Summaries) -> dict[str, Any]:
    texts, experiment = sampled.methods[method], f"{sampled.sampling}/{method}"
    first = texts[0]
    before = list(sampled.methods)[: list(sampled.methods).index(method)]
    return {
        "sampling": sampled.sampling,
        "method": method,
        "settings": keyword_arguments(first.settings),
        "inert": ", ".join(inert_arguments(first.settings)),
        "same_as": ", ".join(earlier for earlier in before if same_texts(sampled.methods[earlier], texts)),
        "prompt": first.prompt,
        "text": first.text,
        **_measure_cells(texts, experiment, scores),
        "tokens": format_fixed(scores.value(experiment, TOKENS, SPLIT), 1),
        "ended": format_fixed(scores.value(experiment, ENDED, SPLIT), 3),
        "texts": len(texts),
        "prompts": len(sampled.prompts),
        "too_short": sum(pd.isna(MEASURES[REPEATED](text)) for text in texts),
    }


def _measure_cells(texts: Sequence[Text], experiment: str, scores: Summaries) -> dict[str, str]:
    columns = {}
    for measure, (column, digits) in COLUMNS.items():
        columns |= scores.cells(column, experiment, measure, SPLIT, digits)
        values = list(map(MEASURES[measure], texts))
        columns[f"{column}_sd"] = format_fixed(standard_deviation(values), digits)
    return columns


def texts_table(samplings: Sequence[Texts]) -> pd.DataFrame:
    """Every text a row, by sampling, prompt, method and number, with its own measures."""
    return pd.DataFrame([_text_row(sampled.sampling, text) for sampled in samplings for text in sampled.texts])


def _text_row(sampling: str, text: Text) -> dict[str, Any]:
    return {
        "sampling": sampling,
        "prompt": text.prompt,
        "method": text.method,
        "index": text.index,
        "text": text.text,
        "tokens": len(text.tokens),
        "ended": "yes" if text.ended else "no",
        **{column: format_fixed(MEASURES[measure](text), digits) for measure, (column, digits) in COLUMNS.items()},
    }
