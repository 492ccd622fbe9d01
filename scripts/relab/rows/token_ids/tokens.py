"""The ids of the tokens of some texts, as a table and as scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from transformers import PreTrainedTokenizerBase

from relab.cells import VISIBLE
from relab.checkpoints import load_tokenizer
from relab.encoding import encode
from relab.rows.job import MAIN, Job
from relab.scores import Row, exact

#: Split of the scores; experiments are ``tokens/{text}``.
SPLIT = "text"


def tabulate(job: Job) -> dict[str, Any]:
    """The step ``tabulate``."""
    texts = encode_texts(load_tokenizer(job.file("tokenizer").parent), job.spec["texts"])
    return {MAIN: tokens_table(texts), "scores": tokens_scores(texts)}


@dataclass(frozen=True)
class Encoded:
    """A text with its token ids, and each id decoded alone."""

    text: str
    ids: list[int]
    tokens: list[str]


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Encoded]:
    """Encode each text, without special tokens.

    Raises:
        UserError: a character that a character tokenizer does not know.
    """
    encoded = []
    for number, text in enumerate(texts):
        ids = encode(tokenizer, text, f"texts.{number}").tolist()
        encoded.append(Encoded(text, ids, [tokenizer.decode([token]) for token in ids]))
    return encoded


def tokens_table(texts: Sequence[Encoded]) -> pd.DataFrame:
    """A text a row.

    Columns: ``text`` and ``tokens`` with ``␣`` for a blank, ``↵`` for a line end and ``⇥`` for a tab (a token that is a part of
    a character's bytes is ``�``); ``ids`` and ``tokens`` with a blank between two; ``n`` tokens.
    """
    rows = [
        {
            "text": variant.text.translate(VISIBLE),
            "ids": " ".join(str(number) for number in variant.ids),
            "tokens": " ".join(token.translate(VISIBLE) for token in variant.tokens),
            "n": len(variant.ids),
        }
        for variant in texts
    ]
    return pd.DataFrame(rows)


def tokens_scores(texts: Sequence[Encoded]) -> Iterator[Row]:
    """For each text the number of its ``tokens`` and each of them: ``id 1``, ``id 2``, …"""
    for variant in texts:
        experiment = f"tokens/{variant.text}"
        yield exact(experiment, 0, SPLIT, "tokens", len(variant.ids))
        for position, number in enumerate(variant.ids, start=1):
            yield exact(experiment, 0, SPLIT, f"id {position}", number)
