"""What tables call systems that classify, and the cells of their figures on the test split."""

from __future__ import annotations

import pandas as pd

from relab.probes.systems import TFIDF
from relab.rows.shared.best import HIGHER, Ranking
from relab.rows.shared.systems import ACCURACY, MACRO_F1, SPLIT
from relab.scores import Summaries
from relab.words import BLANKS

#: Columns of the two figures.
COLUMNS = {ACCURACY: "accuracy", MACRO_F1: "macro_f1"}
#: What is good in them.
GOOD = {column: Ranking(metric, HIGHER, SPLIT) for metric, column in COLUMNS.items()}
#: How the features of a pooling are called.
POOLINGS = {"cls": "[CLS]", "mean": "mean", "last": "last token"}


def features_label(features: str) -> str:
    """Features as readers know them: ``minilm [CLS]`` for ``minilm cls``."""
    encoder, _, pooling = features.rpartition(" ")
    return f"{encoder} {POOLINGS[pooling]}" if pooling in POOLINGS else features


def lexical_label(features: str, fits: pd.DataFrame) -> str:
    """Features in the table of systems, where those of words say how these are told, unless by blanks.

    ``fits`` are the rows of the system among what was chosen, with ``words`` as :func:`relab.words.words_told` has it.
    """
    words = fits["words"].iloc[0]
    return f"{TFIDF} of {words}" if features == TFIDF and words != BLANKS else features_label(features)


def system_label(system: str) -> str:
    """The name of a system of a probe, with its pooling as readers know it."""
    for pooling, label in POOLINGS.items():
        system = system.replace(f" {pooling} ", f" {label} ")
    return system


def figures(scores: Summaries, experiment: str) -> dict[str, str]:
    """The cells of accuracy and macro-F1 with their 95 % intervals, of a system or of a pair of them."""
    cells: dict[str, str] = {}
    for metric, column in COLUMNS.items():
        cells |= scores.cells(column, experiment, metric, SPLIT, 4)
    return cells


def number_of_rows(scores: Summaries, experiment: str) -> int:
    """The test rows that a system, or a pair of them, was measured on."""
    return int(scores.find(experiment, ACCURACY, SPLIT)["n"])
