"""The corpus as each tokenizer reads it, and how long its documents are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from relab.inputs import by_part
from relab.rows.job import Job
from relab.tokens.store import Tokens

SPLITS = ("train", "validation")


def read_tokens(job: Job, tokenizers: Sequence[str]) -> dict[str, dict[str, Tokens]]:
    """The corpus as each tokenizer reads it, by split."""
    paths = by_part(job.files("tokens"), tokenizers, job.spec["corpus"], SPLITS, "input tokens")
    return {name: {split: Tokens(paths[name, split]) for split in SPLITS} for name in tokenizers}


def document_lengths(splits: Mapping[str, Tokens]) -> np.ndarray:
    """Tokens of every document, marks included."""
    return np.concatenate([tokens.lengths for tokens in splits.values()])
