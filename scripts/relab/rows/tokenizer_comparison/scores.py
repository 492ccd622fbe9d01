"""Scores of tokenizers; rates are of the validation text, which they were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relab.files import short_digest
from relab.rows.job import Job
from relab.rows.tokenizer_comparison import names
from relab.rows.tokenizer_comparison.documents import document_lengths, read_tokens
from relab.scores import Row, exact
from relab.tokens.store import Counts, Tokens


def score(job: Job) -> dict[str, Any]:
    """The step ``score``; its data is the training text as the first tokenizer reads it."""
    tokens = read_tokens(job, job.spec["tokenizers"])
    data = short_digest(next(iter(tokens.values()))["train"].path)
    rows: list[Row] = []
    for name, splits in tokens.items():
        rows += tokenizer_scores(name, splits, job.spec["limit"], data)
    return {"scores": rows}


def tokenizer_scores(name: str, splits: Mapping[str, Tokens], limit: int, data: str) -> Iterator[Row]:
    """What a tokenizer makes of a corpus; ``limit`` is the length beyond which a document counts as cut."""
    held_out = splits["validation"].counts
    tokens = text_tokens(held_out)
    lengths = document_lengths(splits)
    counted = {names.PER_TOKEN: held_out.characters / tokens}
    if held_out.unknown is not None:
        counted[names.UNKNOWN] = held_out.unknown / tokens
    counted |= {
        names.LONGEST: lengths.max(),
        names.CUT: (lengths > limit).mean(),
        names.VALIDATION_TOKENS: tokens,
        names.DOCUMENTS: len(lengths),
    }
    for (metric, split), value in counted.items():
        yield exact(names.experiment(name), 0, split, metric, value, data)


def text_tokens(counts: Counts) -> int:
    """Tokens of a split that hold text, without the marks around documents."""
    return counts.tokens - (0 if counts.end is None else 2 * counts.documents)
