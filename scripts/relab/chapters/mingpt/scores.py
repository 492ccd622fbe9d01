"""Scores of the chapter: losses of both models, and how far the first one's words are from the grammar.

The experiments and what they hold are told in :mod:`relab.chapters.mingpt.names`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.chapters.char_gpt.logs import LOSSES, read_history
from relab.chapters.losses import loss_score, loss_scores
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
    UNTRAINED,
    WORDS,
)
from relab.chapters.mingpt.sentences import Sentences
from relab.scores import score

#: The words that the assignment asks about.
FIRST = 2


@dataclass(frozen=True)
class Files:
    """What the chapter is scored from: histories and traces by model, the sentences that the models are evaluated on as token
    ids, and digests of the training texts."""

    histories: Mapping[str, Path]
    traces: Mapping[str, Path]
    held_out: Sequence[Sequence[int]]
    data: str
    larger_data: str


def chapter_scores(
    models: Mapping[str, int], larger: Mapping[str, int], files: Files, sentences: Sentences, vocabulary: int
) -> Iterator[dict[str, Any]]:
    """All scores of the chapter, a row for each seed; ``models`` and ``larger`` give the seed of each model.

    Raises:
        UserError: a history or a trace that cannot be read.
    """
    for row in _sentence_scores(models, files, sentences, vocabulary):
        yield {**row, "data": files.data}
    for model, seed in larger.items():
        for row in loss_scores(LARGER, seed, read_history(files.histories[model])):
            yield {**row, "data": files.larger_data}


def _sentence_scores(
    models: Mapping[str, int], files: Files, sentences: Sentences, vocabulary: int
) -> Iterator[dict[str, Any]]:
    grammar, uniform = sentences.grammar.loss(files.held_out), math.log(vocabulary)
    yield score(GRAMMAR, 0, "validation", LOSS, grammar, n=len(files.held_out))
    yield score(GRAMMAR, 0, "validation", ENTROPY, sentences.grammar.entropy())
    yield score(TRAINING_TEXT, 0, "train", LOSS, sentences.corpus.entropy())
    yield score(UNIFORM, 0, "validation", LOSS, uniform)
    for model, seed in models.items():
        history = read_history(files.histories[model])
        yield from loss_scores(MODEL, seed, history)
        validation = history[LOSSES["validation"]]
        yield loss_score(MODEL, seed, "validation", ABOVE_UNIFORM, validation.iloc[0] - uniform)
        yield loss_score(MODEL, seed, "validation", ABOVE_GRAMMAR, validation.iloc[-1] - grammar)
        texts = records.read(files.traces[model])
        yield from distance_scores(seed, records.of_table(texts, records.ALTERNATIVES))
        yield from temperature_scores(seed, records.of_table(texts, records.WORDS))
        yield _mean(MODEL, seed, UNGRAMMATICAL, [ungrammatical(text) for text in texts if text.table == records.WORDS])


def distance_scores(seed: int, texts: Sequence[records.Text]) -> Iterator[dict[str, Any]]:
    """How far the model's distributions, and the training text's, are from the grammar's along the texts of E3."""
    steps = [step for text in texts for step in text.steps]
    first = [step for text in texts for step in text.steps[:FIRST]]
    for metric, some in ((DISTANCE, steps), (FIRST_DISTANCE, first)):
        yield _mean(MODEL, seed, metric, [step.total_variation for step in some])
        yield _mean(TRAINING_TEXT, seed, metric, [step.corpus_total_variation for step in some])
    yield _mean(MODEL, seed, UNTRAINED, [float(step.total_variation is None) for step in steps])


def temperature_scores(seed: int, texts: Sequence[records.Text]) -> Iterator[dict[str, Any]]:
    """What the temperature does to the greedy texts of E2: to their tokens, and to the probabilities printed beside them."""
    steps = [(step, untempered) for text in texts for step, untempered in zip(text.steps, text.greedy_ids, strict=True)]
    yield _mean(MODEL, seed, CHANGED, [float(step.id != untempered) for step, untempered in steps])
    yield _mean(MODEL, seed, SHIFTED, [abs(step.probability - step.model_probability) for step, _ in steps])


def ungrammatical(text: records.Text) -> float:
    """Share of a text's tokens, up to and with the first that holds a full stop, with which it begins no sentence.

    What follows the full stop does not count, since every sentence is an example of its own; a text without one counts whole.
    """
    stop = next((place for place, step in enumerate(text.steps, start=1) if "." in step.word), len(text.steps))
    return statistics.fmean(not step.grammar_probability for step in text.steps[:stop])


def _mean(experiment: str, seed: int, metric: str, values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return score(experiment, seed, WORDS, metric, statistics.fmean(known) if known else float("nan"), len(known))
