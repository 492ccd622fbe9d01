"""Tables of summaries: a way of asking or a baseline a row, every text, and how each was generated."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from relab.metrics import generation_names as metric_names
from relab.metrics.sentences import sentences
from relab.metrics.words import words
from relab.rows.job import MAIN, Job
from relab.rows.summaries import names
from relab.rows.summaries.generation import generation_table
from relab.rows.summaries.names import BASELINE, SPLIT, TableSpec
from relab.rows.summaries.systems import System, systems
from relab.scores import Summaries
from relab.texts.arguments import keyword_arguments

#: The columns of the metrics, with their decimals.
COLUMNS = {
    names.WORDS: ("words", 1),
    names.SENTENCES: ("sentences", 1),
    metric_names.VERBATIM: ("verbatim_sentences", 3),
    metric_names.COPIED: ("copied_words", 3),
    metric_names.LONGEST_COPIED: ("longest_copied_run", 1),
    **{metric_names.NOVEL[size]: (f"novel_{size}grams", 3) for size in names.SIZES},
    metric_names.REPEATED: ("repeated_4grams", 3),
    metric_names.CUT: ("cut", 3),
}


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(TableSpec)
    compared = systems(job, spec)
    return {
        MAIN: systems_table(spec, compared, Summaries.read(job.file("scores"))),
        "texts": texts_table(spec, compared),
        "generation": generation_table(job, spec, compared),
    }


def systems_table(spec: TableSpec, compared: Sequence[System], scores: Summaries) -> pd.DataFrame:
    """A system a row: means over texts, shares of all sentences, words or n-grams of its texts.

    ``_low`` and ``_high`` are the 95 % interval over articles, empty with one article; ``cut`` is empty for baselines.
    """
    rows = []
    for system in compared:
        row = {"model": _model(spec, system), "method": system.name}
        row["settings"] = "" if system.method is None else keyword_arguments(system.method)
        for metric, (column, digits) in COLUMNS.items():
            scored = metric != metric_names.CUT or system.cut is not None
            ends = dict.fromkeys((column, f"{column}_low", f"{column}_high"), "")
            row |= scores.cells(column, system.experiment, metric, SPLIT, digits) if scored else ends
        rows.append({**row, "texts": len(system.texts), "articles": len(system.articles)})
    return pd.DataFrame(rows)


def texts_table(spec: TableSpec, compared: Sequence[System]) -> pd.DataFrame:
    """Every text a row, article by article: of how many sentences it is, how many of them are copied, and which, a line each.

    Baselines are copied by their nature: which of their sentences are is left out.
    """
    rows = []
    for article in range(len(compared[0].articles)):
        for system in compared:
            indices = [index for index, number in enumerate(system.numbers) if number == article]
            for index, position in enumerate(indices):
                text = system.texts[position]
                copied = verbatim(text, system.articles[article])
                row = {"article": article + 1, "model": _model(spec, system), "method": system.name, "index": index}
                row |= {"text": text, "words": len(words(text)), "sentences": len(sentences(text)), "verbatim": len(copied)}
                row["copied"] = "\n".join(copied) if system.method is not None else ""
                rows.append({**row, "cut": "" if system.cut is None else "yes" if system.cut[position] else "no"})
    return pd.DataFrame(rows)


def verbatim(text: str, article: str) -> list[str]:
    """The sentences of a text that :func:`relab.metrics.sentences.verbatim_sentences` counts, in order."""
    read = " ".join(article.split())
    return [sentence for sentence in sentences(text) if sentence in read]


def _model(spec: TableSpec, system: System) -> str:
    return spec.sampled[system.sampling].model if system.sampling else BASELINE
