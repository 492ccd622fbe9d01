"""Scores of the words of models of sentences: their distance from the grammar, what the temperature does to them.

Which experiments and metrics there are stands in :mod:`relab.rows.next_words.names`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from relab.files import short_digest
from relab.rows.job import Job
from relab.rows.next_words import traces
from relab.rows.next_words.names import CHANGED, DISTANCE, FIRST_DISTANCE, SHIFTED, UNGRAMMATICAL, WORDS
from relab.rows.next_words.traces import Text, of_table
from relab.rows.shared.experiments import MODEL, TRAINING_TEXT
from relab.scores import Row, score
from relab.statistics import Measurement, Scale, units_digest

#: The words that the second distance is of.
FIRST = 2


def score_words(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    seeds, experiment = job.spec["models"], job.spec["experiment"]
    texts, data = traces.read(job.file("traces"), seeds), short_digest(job.file("train"))
    rows = [row for model, seed in seeds.items() for row in word_scores(experiment, seed, texts[model], data)]
    return {"scores": rows}


def word_scores(experiment: str, seed: int, texts: Sequence[Text], data: str) -> Iterator[Row]:
    """All scores of the texts of a model; ``data`` is a digest of the training text."""
    model = f"{experiment}/{MODEL}"
    yield from distance_scores(experiment, seed, of_table(texts, traces.ALTERNATIVES), data)
    yield from temperature_scores(model, seed, of_table(texts, traces.WORDS), data)
    words = [text for text in texts if text.table == traces.WORDS]
    shares = [[ungrammatical(text)] for text in words]
    yield score(model, seed, WORDS, UNGRAMMATICAL, _mean_over_texts(shares, words, "share"), data)


def distance_scores(experiment: str, seed: int, texts: Sequence[Text], data: str) -> Iterator[Row]:
    """How far the model's distributions, and the training text's, are from the grammar's along texts."""
    for metric, number in ((DISTANCE, None), (FIRST_DISTANCE, FIRST)):
        steps = [text.steps[:number] for text in texts]
        model = [[step.total_variation for step in of_text] for of_text in steps]
        corpus = [[step.corpus_total_variation for step in of_text] for of_text in steps]
        yield score(f"{experiment}/{MODEL}", seed, WORDS, metric, _mean_over_texts(model, texts, "share"), data)
        yield score(f"{experiment}/{TRAINING_TEXT}", seed, WORDS, metric, _mean_over_texts(corpus, texts, "share"), data)


def temperature_scores(model: str, seed: int, texts: Sequence[Text], data: str) -> Iterator[Row]:
    """What the temperature does to greedy texts: to their tokens, and to the probabilities printed beside them."""
    changed = [
        [float(step.id != untempered) for step, untempered in zip(text.steps, text.greedy_ids, strict=True)] for text in texts
    ]
    shifted = [[abs(step.probability - step.model_probability) for step in text.steps] for text in texts]
    yield score(model, seed, WORDS, CHANGED, _mean_over_texts(changed, texts, "share"), data)
    yield score(model, seed, WORDS, SHIFTED, _mean_over_texts(shifted, texts), data)


def ungrammatical(text: Text) -> float:
    """Share of a text's tokens, up to and with the first that holds a full stop, with which it begins no sentence.

    What follows the full stop does not count, since every sentence is an example of its own; a text without one counts whole.
    """
    stop = next((number for number, step in enumerate(text.steps, start=1) if "." in step.word), len(text.steps))
    return statistics.fmean(not step.grammar_probability for step in text.steps[:stop])


def _mean_over_texts(values: Sequence[Sequence[float | None]], texts: Sequence[Text], scale: Scale = "mean") -> Measurement:
    """The mean over the steps of all texts that have a value; the steps of one text are alike, so texts are the units."""
    known = [[value for value in of_text if value is not None] for of_text in values]
    items = units_digest(*(text.prompt for text in texts))
    sums, counts = np.array([sum(of_text) for of_text in known]), np.array([len(of_text) for of_text in known])
    return Measurement(sums, counts, "text", items, scale)
