"""Scores of the chapter: losses of every training, and how much of the text it generates stands in its corpus.

Experiments are ``{corpus}/{varied keys}`` such as ``italian/width 32``, and for each corpus the ceiling
``{corpus}/held-out text`` and the floor ``{corpus}/drawn characters``. Losses are in nats per character, split ``train`` or
``validation``; the shares of the lines and words of texts that stand in the training text have the split ``texts``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from relab.rows.shared.histories import LOSSES, Sample, read_samples, texts_at
from relab.chapters.char_gpt.names import BEST_STEP, CEILING, FLOOR, LINES, TEXTS, WORDS, at
from relab.chapters.char_gpt.references import PROMPT, documents, drawn_characters, frequencies, held_out
from relab.chapters.char_gpt.sweep import Group
from relab.rows.shared.losses import Training, loss_scores
from relab.files import sha256
from relab.metrics.overlap import LineOverlap, WordOverlap
from relab.metrics.pieces import lines_of, words_of
from relab.scores import Row, score
from relab.statistics import NAN


@dataclass(frozen=True)
class Files:
    """What the chapter is scored from, by model and by corpus."""

    histories: Mapping[str, Path]
    losses: Mapping[str, Path]
    samples: Mapping[str, Path]
    train: Mapping[str, Path]
    validation: Mapping[str, Path]


def chapter_scores(groups: Sequence[Group], steps: list[int], files: Files) -> Iterator[Row]:
    """All scores of the chapter, a row for each seed; ``steps`` are those shown in the tables of text.

    Raises:
        UserError: a history or a log of samples that lacks one of the steps.
    """
    for corpus in sorted({group.corpus for group in groups}):
        members = [group for group in groups if group.corpus == corpus]
        yield from _corpus_scores(corpus, members, steps, files)


def _corpus_scores(corpus: str, members: list[Group], steps: list[int], files: Files) -> Iterator[Row]:
    seeds = sorted({seed for group in members for seed in group.members})
    data = {split: sha256(paths[corpus])[:12] for split, paths in (("train", files.train), ("validation", files.validation))}
    for group in members:
        for seed, model in group.members.items():
            training = Training.read(files.histories[model], files.losses[model])
            yield from loss_scores(group.experiment, seed, training, data, steps)
            best = training.best if training.history[LOSSES["validation"]].notna().any() else NAN
            yield score(group.experiment, seed, "validation", BEST_STEP, best, data["validation"])
    with overlap(files.train[corpus], data["train"]) as metrics:
        for group in members:
            yield from text_scores(group, files.samples, steps, metrics)
        length = longest([files.samples[model] for group in members for model in group.members.values()], steps)
        yield from reference_scores(corpus, files, length, seeds, metrics)


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
            found = metric.compute(predictions=sample.texts, corpus=known, prompt=sample.prompt)
            name = name if step is None else at(name, step)
            yield score(experiment, seed, TEXTS, name, found["share"], self.data)


@contextmanager
def overlap(train: Path, data: str) -> Iterator[Overlap]:
    """The metrics for one corpus, from its training text; what the metrics keep on disk is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = [metric(keep_in_memory=True, cache_dir=folder) for metric in (LineOverlap, WordOverlap)]
        yield Overlap(*metrics, lines_of(documents(train)), words_of(documents(train)), data)


def text_scores(group: Group, samples: Mapping[str, Path], steps: list[int], overlap: Overlap) -> Iterator[Row]:
    """How much of the text that the models of a group generate at the steps shown stands in their corpus."""
    for seed, model in group.members.items():
        sampled = read_samples(samples[model])
        for step in steps:
            yield from overlap.scores(group.experiment, seed, texts_at(sampled, step, samples[model]), step)


def reference_scores(corpus: str, files: Files, length: int, seeds: list[int], overlap: Overlap) -> Iterator[Row]:
    """The same shares for real held-out text and for drawn characters, pieces of ``length``, drawn once a seed."""
    counts = frequencies(documents(files.train[corpus]))
    for seed in seeds:
        real = held_out(documents(files.validation[corpus]), length, seed)
        yield from overlap.scores(f"{corpus}/{CEILING}", seed, Sample(PROMPT, real))
        drawn = drawn_characters(counts, length, seed)
        yield from overlap.scores(f"{corpus}/{FLOOR}", seed, Sample(PROMPT, drawn))


def longest(samples: list[Path], steps: list[int]) -> int:
    """Length in characters of the longest text among those of some files at the steps shown."""
    sampled = [(path, read_samples(path)) for path in samples]
    return max(len(text) for path, one in sampled for step in steps for text in texts_at(one, step, path).texts)
