"""A4: what a tokenizer makes of variants of one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from transformers import PreTrainedTokenizerBase

from relab.cells import VISIBLE
from relab.encoding import encode
from relab.scores import exact

#: Split of the scores; experiments are ``tokens/{text}``.
SPLIT = "text"


@dataclass(frozen=True)
class Encoded:
    """A text with its token ids, and each id decoded alone."""

    text: str
    ids: list[int]
    tokens: list[str]


def encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Encoded]:
    """Encode each text, without special tokens.

    Raises:
        UserError: a character that a character tokenizer does not know.
    """
    found = []
    for number, text in enumerate(texts):
        ids = encode(tokenizer, text, f"chapters.char_gpt.tokens.texts.{number}").tolist()
        found.append(Encoded(text, ids, [tokenizer.decode([one]) for one in ids]))
    return found


def tokens_table(texts: Sequence[Encoded]) -> pd.DataFrame:
    """A text a row.

    Columns: ``text`` and ``tokens`` with ``␣`` for a blank, ``↵`` for a line end and ``⇥`` for a tab (a token that is a part of
    a character's bytes is ``�``); ``ids`` and ``tokens`` with a blank between two; ``n`` tokens.
    """
    rows = [
        {
            "text": one.text.translate(VISIBLE),
            "ids": " ".join(str(number) for number in one.ids),
            "tokens": " ".join(token.translate(VISIBLE) for token in one.tokens),
            "n": len(one.ids),
        }
        for one in texts
    ]
    return pd.DataFrame(rows)


def tokens_scores(texts: Sequence[Encoded]) -> Iterator[dict[str, Any]]:
    """For each text the number of its ``tokens`` and each of them: ``id 1``, ``id 2``, …"""
    for one in texts:
        experiment = f"tokens/{one.text}"
        yield exact(experiment, 0, SPLIT, "tokens", len(one.ids))
        for position, number in enumerate(one.ids, start=1):
            yield exact(experiment, 0, SPLIT, f"id {position}", number)
