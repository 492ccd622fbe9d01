"""Scores of summaries: how long they are, what they copy from their article, what they repeat, which the limit cut.

Experiments and metrics are named in :mod:`relab.rows.summaries.names`. One article gives no interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from relab.metrics import abstraction
from relab.metrics import generation_names as metric_names
from relab.metrics.ngrams import repeated_share
from relab.metrics.references import PAIR
from relab.metrics.sentences import sentences, verbatim_sentences
from relab.metrics.words import words
from relab.rows.job import Job
from relab.rows.summaries import names
from relab.rows.summaries.names import ARTICLE, SPLIT, Spec
from relab.rows.summaries.systems import System, systems
from relab.scores import Row, score
from relab.statistics import Measurement


def score_summaries(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    return {"scores": summary_scores(systems(job, job.settings(Spec)))}


def summary_scores(compared: Iterable[System]) -> Iterator[Row]:
    """Every metric of every system."""
    for system in compared:
        data = system.data
        for metric, measured in measure(system).items():
            yield score(system.experiment, system.seed, SPLIT, metric, by_article(measured, system, data), data)


def measure(system: System) -> dict[str, Measurement]:
    """The metrics by name, each text by text; a baseline is cut by no limit and has one less."""
    texts, sources = system.texts, system.sources
    measured = {
        names.WORDS: Measurement.of([len(words(text)) for text in texts], PAIR),
        names.SENTENCES: Measurement.of([len(sentences(text)) for text in texts], PAIR),
        metric_names.VERBATIM: verbatim_sentences(texts, sources),
        metric_names.COPIED: abstraction.copied_words(texts, sources),
        metric_names.LONGEST_COPIED: abstraction.longest_copied_run(texts, sources),
        **{metric_names.NOVEL[size]: abstraction.novel_ngrams(texts, sources, size) for size in names.SIZES},
        metric_names.REPEATED: Measurement.of([repeated_share(words(text), 4) for text in texts], PAIR, scale="share"),
    }
    if system.cut is not None:
        measured[metric_names.CUT] = Measurement.of(system.cut, PAIR, scale="share")
    return measured


def by_article(measured: Measurement, system: System, data: str) -> Measurement:
    """A measurement of texts as one of articles: the texts of an article are alike, and are one unit."""
    sums, counts = (np.bincount(system.numbers, values, len(system.articles)) for values in (measured.sums, measured.counts))
    return replace(measured, sums=sums, counts=counts, unit=ARTICLE, items=data)
