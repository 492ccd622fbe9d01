"""Log-probabilities of how the documents of both splits go on after their first words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from relab.corpora.storage import documents
from relab.errors import UserError
from relab.rows.job import Job
from relab.rows.memorisation.names import SPLITS, MeasureSpec
from relab.rows.shared.finetuning_judgements import measure_texts, numbered


def measure(job: Job) -> None:
    """The step ``measure``."""
    spec = job.settings(MeasureSpec)
    texts = [text for split, name in SPLITS.items() for text in opened(split, job.file(name), spec.opening)]
    measure_texts(job, spec, numbered(texts))


def opened(split: str, path: Path, words: int) -> Iterator[tuple[str, str, str]]:
    """The documents of a split: its name, the first words of each, and the rest of it.

    Raises:
        UserError: a document of no more words than that.
    """
    for text in documents(path):
        opening = re.match(rf"\s*(?:\S+\s+){{{words - 1}}}\S+", text)
        if opening is None or not text[opening.end() :].strip():
            raise UserError(f"{path}: expected documents of more than {words} words, found {text[:40]!r}")
        yield split, opening[0], text[opening.end() :]
