"""Scores of the chapter: losses of both models, and how far the first one's words are from the grammar.

The experiments and what they hold are told in :mod:`relab.chapters.mingpt.names`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from relab.chapters.losses import Training, above, loss_scores
from relab.chapters.mingpt import records
from relab.chapters.mingpt.names import (
    ABOVE_ENTROPY,
    ABOVE_UNIFORM,
    CHANGED,
    DISTANCE,
    FIRST_DISTANCE,
    GRAMMAR,
    LARGER,
    LOSS,
    MODEL,
    SHIFTED,
    TRAINING_TEXT,
    UNIFORM,
    UNTRAINED,
    WORDS,
)
from relab.chapters.mingpt.sentences import Sentences
from relab.scores import Row, exact, score
from relab.statistics import Measurement

#: The words that the assignment asks about.
FIRST = 2


@dataclass(frozen=True)
class Files:
    """What the chapter is scored from: histories, losses and traces by model, digests of the texts by split."""

    histories: Mapping[str, Path]
    losses: Mapping[str, Path]
    traces: Mapping[str, Path]
    data: Mapping[str, str]
    larger_data: Mapping[str, str]


def chapter_scores(
    models: Mapping[str, int], larger: Mapping[str, int], files: Files, sentences: Sentences, vocabulary: int
) -> Iterator[Row]:
    """All scores of the chapter, a row for each seed; ``models`` and ``larger`` give the seed of each model.

    Raises:
        UserError: a history or a trace that cannot be read.
    """
    yield from _sentence_scores(models, files, sentences, vocabulary)
    for model, seed in larger.items():
        training = Training.read(files.histories[model], files.losses[model])
        yield from loss_scores(LARGER, seed, training, files.larger_data)


def _sentence_scores(models: Mapping[str, int], files: Files, sentences: Sentences, vocabulary: int) -> Iterator[Row]:
    entropy, uniform, data = sentences.grammar.entropy(), math.log(vocabulary), files.data
    yield exact(GRAMMAR, 0, "validation", LOSS, entropy, data["validation"])
    yield exact(TRAINING_TEXT, 0, "train", LOSS, sentences.corpus.entropy(), data["train"])
    yield exact(UNIFORM, 0, "validation", LOSS, uniform, data["validation"])
    for model, seed in models.items():
        training = Training.read(files.histories[model], files.losses[model])
        yield from loss_scores(MODEL, seed, training, data)
        first = training.measured("validation", int(training.history.index[0]), data["validation"])
        final = training.measured("validation", training.last, data["validation"])
        yield score(MODEL, seed, "validation", ABOVE_UNIFORM, above(first, uniform), data["validation"])
        yield score(MODEL, seed, "validation", ABOVE_ENTROPY, above(final, entropy), data["validation"])
        texts = records.read(files.traces[model])
        yield from distance_scores(seed, records.of_table(texts, records.ALTERNATIVES), data["train"])
        yield from temperature_scores(seed, records.of_table(texts, records.WORDS), data["train"])


def distance_scores(seed: int, texts: Sequence[records.Text], data: str) -> Iterator[Row]:
    """How far the model's distributions, and the training text's, are from the grammar's along the texts of E3."""
    steps = [step for text in texts for step in text.steps]
    first = [step for text in texts for step in text.steps[:FIRST]]
    for metric, some in ((DISTANCE, steps), (FIRST_DISTANCE, first)):
        yield score(MODEL, seed, WORDS, metric, _over([step.total_variation for step in some]), data)
        yield score(TRAINING_TEXT, seed, WORDS, metric, _over([step.corpus_total_variation for step in some]), data)
    yield score(MODEL, seed, WORDS, UNTRAINED, _over([float(step.total_variation is None) for step in steps]), data)


def temperature_scores(seed: int, texts: Sequence[records.Text], data: str) -> Iterator[Row]:
    """What the temperature does to the greedy texts of E2: to their tokens, and to the probabilities printed beside them."""
    steps = [(step, untempered) for text in texts for step, untempered in zip(text.steps, text.greedy_ids, strict=True)]
    changed = [float(step.id != untempered) for step, untempered in steps]
    yield score(MODEL, seed, WORDS, CHANGED, _over(changed), data)
    shifted = [abs(step.probability - step.model_probability) for step, _ in steps]
    yield score(MODEL, seed, WORDS, SHIFTED, _over(shifted), data)


def _over(values: Sequence[float | None]) -> Measurement:
    """The mean over the steps of all texts that have a value."""
    return Measurement.of([math.nan if value is None else value for value in values], "step")
