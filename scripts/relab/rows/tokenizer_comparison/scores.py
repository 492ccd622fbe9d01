"""Scores of tokenizers; rates are of the validation text, which they were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from relab.files import sha256
from relab.inputs import by_part
from relab.rows.job import Job
from relab.rows.tokenizer_comparison.names import (
    CUT,
    DOCUMENTS,
    LONGEST,
    PER_TOKEN,
    UNKNOWN,
    VALIDATION_TOKENS,
    Spec,
    experiment,
)
from relab.scores import Row, exact
from relab.tokens.store import Counts, Tokens

SPLITS = ("train", "validation")


def score(job: Job) -> dict[str, Any]:
    """The step ``score``; its data is the training text as the first tokenizer reads it."""
    spec = job.settings(Spec)
    paths = by_part(job.files("tokens"), spec.tokenizers, spec.corpus, SPLITS, "input tokens")
    data = sha256(paths[spec.tokenizers[0], "train"])[:12]
    rows: list[Row] = []
    for name in spec.tokenizers:
        rows += tokenizer_scores(name, {split: Tokens(paths[name, split]) for split in SPLITS}, spec.limit, data)
    return {"scores": rows}


def tokenizer_scores(name: str, splits: Mapping[str, Tokens], limit: int, data: str) -> Iterator[Row]:
    """What a tokenizer makes of a corpus; ``limit`` is the length beyond which a document counts as cut."""
    held_out = splits["validation"].counts
    tokens = text_tokens(held_out)
    lengths = np.concatenate([tokens.lengths for tokens in splits.values()])
    counted = {PER_TOKEN: held_out.characters / tokens}
    if held_out.unknown is not None:
        counted[UNKNOWN] = held_out.unknown / tokens
    counted |= {LONGEST: lengths.max(), CUT: (lengths > limit).mean(), VALIDATION_TOKENS: tokens, DOCUMENTS: len(lengths)}
    for (metric, split), value in counted.items():
        yield exact(experiment(name), 0, split, metric, value, data)


def text_tokens(counts: Counts) -> int:
    """Tokens of a split that hold text, without the marks around documents."""
    return counts.tokens - (0 if counts.end is None else 2 * counts.documents)
