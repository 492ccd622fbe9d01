"""Scores of text as training goes on: losses, and how much of the text that models generate stands in their corpus.

Experiments are ``{corpus}/{varied keys}`` such as ``italian/width 32``, and beside them ``{corpus}/held-out text`` and
``{corpus}/drawn characters``. Losses are in nats per token, split ``train`` or ``validation``; the shares of the lines and
words of texts that stand in the training text have the split ``texts``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.corpora.storage import documents
from relab.files import short_digest
from relab.metrics.overlap import LineOverlap, WordOverlap
from relab.metrics.pieces import corpus_lines, corpus_words
from relab.rows.job import Job
from relab.rows.progression.names import DRAWN, HELD_OUT, LINES, TEXTS, WORDS, Spec
from relab.rows.progression.references import PROMPT, character_frequencies, drawn_pieces, held_out_pieces
from relab.rows.shared.histories import Sample, read_samples, texts_at
from relab.rows.shared.losses import at, step_scores, trainings
from relab.rows.shared.sweeps import Group, groups
from relab.scores import Row, score

#: The texts of a model by step.
Sampled = Mapping[int, Sample]


def score_texts(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    read = trainings(job.by_name("histories", spec.models), job.by_name("losses", spec.models))
    data = {split: short_digest(job.file(split)) for split in ("train", "validation")}
    members, texts = groups(spec.models), _texts(job.by_name("samples", spec.models), spec.steps)
    rows: list[Row] = []
    for group in members:
        for seed, model in group.members.items():
            rows += step_scores(group.experiment, seed, read[model], data, spec.steps)
    with overlap(job.file("train"), data["train"]) as metrics:
        for group in members:
            rows += text_scores(group, texts, metrics)
        length = max(len(text) for sampled in texts.values() for sample in sampled.values() for text in sample.texts)
        seeds = sorted({model.seed for model in spec.models.values()})
        rows += reference_scores(spec.corpus, job.file("train"), job.file("validation"), length, seeds, metrics)
    return {"scores": rows}


def _texts(paths: Mapping[str, Path], steps: Sequence[int]) -> dict[str, Sampled]:
    """The texts of each model at some steps."""
    sampled = {model: read_samples(path) for model, path in paths.items()}
    return {model: {step: texts_at(sampled[model], step, path) for step in steps} for model, path in paths.items()}


@dataclass(frozen=True)
class Overlap:
    """The two metrics, and the lines and words of one corpus that they look up."""

    lines: LineOverlap
    words: WordOverlap
    known_lines: set[str]
    known_words: set[str]
    data: str  #: digest of the corpus

    def scores(self, experiment: str, seed: int, sample: Sample, step: int | None = None) -> Iterator[Row]:
        """The shares of lines and words of some texts."""
        for metric, name, known in ((self.lines, LINES, self.known_lines), (self.words, WORDS, self.known_words)):
            share = metric.compute(predictions=sample.texts, corpus=known, prompt=sample.prompt)["share"]
            name = name if step is None else at(name, step)
            yield score(experiment, seed, TEXTS, name, share, self.data)


@contextmanager
def overlap(train: Path, data: str) -> Iterator[Overlap]:
    """The metrics for one corpus, from its training text; what the metrics keep on disk is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = [metric(keep_in_memory=True, cache_dir=folder) for metric in (LineOverlap, WordOverlap)]
        yield Overlap(*metrics, corpus_lines(documents(train)), corpus_words(documents(train)), data)


def text_scores(group: Group, texts: Mapping[str, Sampled], overlap: Overlap) -> Iterator[Row]:
    """How much of the text that the models of a group generate at some steps stands in their corpus."""
    for seed, model in group.members.items():
        for step, sample in texts[model].items():
            yield from overlap.scores(group.experiment, seed, sample, step)


def reference_scores(
    corpus: str, train: Path, validation: Path, length: int, seeds: Sequence[int], overlap: Overlap
) -> Iterator[Row]:
    """The same shares for real held-out text and for drawn characters, pieces of ``length``, drawn once a seed."""
    counts = character_frequencies(documents(train))
    for seed in seeds:
        real = held_out_pieces(documents(validation), length, seed)
        yield from overlap.scores(f"{corpus}/{HELD_OUT}", seed, Sample(PROMPT, real))
        drawn = drawn_pieces(counts, length, seed)
        yield from overlap.scores(f"{corpus}/{DRAWN}", seed, Sample(PROMPT, drawn))
