"""Scores of the chapter: losses of both models, and how far the first one's words are from the grammar.

The experiments and what they hold are told in :mod:`relab.chapters.mingpt.names`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relab.rows.shared.losses import Training, above, loss_scores
from relab.chapters.mingpt import records
from relab.chapters.mingpt.names import (
    ABOVE_GRAMMAR,
    ABOVE_UNIFORM,
    CHANGED,
    DISTANCE,
    ENTROPY,
    FIRST_DISTANCE,
    GRAMMAR,
    LARGER,
    LOSS,
    MODEL,
    SHIFTED,
    TRAINING_TEXT,
    UNGRAMMATICAL,
    UNIFORM,
    WORDS,
)
from relab.chapters.mingpt.sentences import Sentences
from relab.scores import Row, exact, score
from relab.statistics import Measurement, Scale, identity

#: The words that the assignment asks about.
FIRST = 2


@dataclass(frozen=True)
class Files:
    """What the chapter is scored from: histories, losses and traces by model, the sentences that the models are evaluated on as
    token ids, and digests of the texts by split."""

    histories: Mapping[str, Path]
    losses: Mapping[str, Path]
    traces: Mapping[str, Path]
    held_out: Sequence[Sequence[int]]
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
    grammar, uniform, data = sentences.grammar.loss(files.held_out), math.log(vocabulary), files.data
    yield exact(GRAMMAR, 0, "validation", LOSS, grammar, data["validation"])
    yield exact(GRAMMAR, 0, "validation", ENTROPY, sentences.grammar.entropy(), data["validation"])
    yield exact(TRAINING_TEXT, 0, "train", LOSS, sentences.corpus.entropy(), data["train"])
    yield exact(UNIFORM, 0, "validation", LOSS, uniform, data["validation"])
    for model, seed in models.items():
        training = Training.read(files.histories[model], files.losses[model])
        yield from loss_scores(MODEL, seed, training, data)
        first = training.measured("validation", int(training.history.index[0]), data["validation"])
        final = training.measured("validation", training.last, data["validation"])
        yield score(MODEL, seed, "validation", ABOVE_UNIFORM, above(first, uniform), data["validation"])
        yield score(MODEL, seed, "validation", ABOVE_GRAMMAR, above(final, grammar), data["validation"])
        texts = records.read(files.traces[model])
        yield from distance_scores(seed, records.of_table(texts, records.ALTERNATIVES), data["train"])
        yield from temperature_scores(seed, records.of_table(texts, records.WORDS), data["train"])
        words = [text for text in texts if text.table == records.WORDS]
        shares = [[ungrammatical(text)] for text in words]
        yield score(MODEL, seed, WORDS, UNGRAMMATICAL, _by_text(shares, words, "share"), data["train"])


def distance_scores(seed: int, texts: Sequence[records.Text], data: str) -> Iterator[Row]:
    """How far the model's distributions, and the training text's, are from the grammar's along the texts of E3."""
    for metric, number in ((DISTANCE, None), (FIRST_DISTANCE, FIRST)):
        steps = [text.steps[:number] for text in texts]
        model = [[step.total_variation for step in some] for some in steps]
        corpus = [[step.corpus_total_variation for step in some] for some in steps]
        yield score(MODEL, seed, WORDS, metric, _by_text(model, texts), data)
        yield score(TRAINING_TEXT, seed, WORDS, metric, _by_text(corpus, texts), data)


def temperature_scores(seed: int, texts: Sequence[records.Text], data: str) -> Iterator[Row]:
    """What the temperature does to the greedy texts of E2: to their tokens, and to the probabilities printed beside them."""
    changed = [
        [float(step.id != untempered) for step, untempered in zip(text.steps, text.greedy_ids, strict=True)] for text in texts
    ]
    shifted = [[abs(step.probability - step.model_probability) for step in text.steps] for text in texts]
    yield score(MODEL, seed, WORDS, CHANGED, _by_text(changed, texts, "share"), data)
    yield score(MODEL, seed, WORDS, SHIFTED, _by_text(shifted, texts), data)


def ungrammatical(text: records.Text) -> float:
    """Share of a text's tokens, up to and with the first that holds a full stop, with which it begins no sentence.

    What follows the full stop does not count, since every sentence is an example of its own; a text without one counts whole.
    """
    stop = next((number for number, step in enumerate(text.steps, start=1) if "." in step.word), len(text.steps))
    return statistics.fmean(not step.grammar_probability for step in text.steps[:stop])


def _by_text(values: Sequence[Sequence[float | None]], texts: Sequence[records.Text], scale: Scale = "mean") -> Measurement:
    """The mean over the steps of all texts that have a value; the steps of one text are alike, so texts are the units."""
    known = [[value for value in some if value is not None] for some in values]
    items = identity(*(text.prompt for text in texts))
    return Measurement(np.array([sum(some) for some in known]), np.array([len(some) for some in known]), "text", items, scale)
