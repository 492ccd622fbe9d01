"""The sentences of a text, by pySBD's rules, and what a summary takes of them whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from relab.metrics.references import PAIR
from relab.statistics import Measurement

if TYPE_CHECKING:
    from pysbd import Segmenter

PARAGRAPHS = re.compile(r"\n\s*\n")


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a text in order, blanks made single. The end of a paragraph ends a sentence, that of a line does not.

    Source: Sadvilkar & Neumann 2020, PySBD: Pragmatic Sentence Boundary Disambiguation.

    Args:
        language: an ISO 639-1 code of those that pySBD has rules for; only the abbreviations and marks differ.
    """
    paragraphs = (" ".join(paragraph.split()) for paragraph in PARAGRAPHS.split(text))
    return [sentence.strip() for paragraph in paragraphs for sentence in _segmenter(language).segment(paragraph)]


def lead(text: str, number: int, language: str = "en") -> str:
    """The first sentences of a text, one blank between them: the baseline that summaries of news hardly beat.

    All of a text of fewer.
    """
    return " ".join(sentences(text, language)[:number])


def verbatim_sentences(outputs: Sequence[str], sources: Sequence[str], items: str = "", language: str = "en") -> Measurement:
    """The share of all sentences of the outputs, in [0, 1], that stand in the pair's source, sign by sign apart from blanks.

    A sentence need not be a whole one of the source. Outputs without a sentence are not counted.
    """
    verbatim, totals = [], []
    for output, source in zip(outputs, sources, strict=True):
        written, read = sentences(output, language), " ".join(source.split())
        verbatim.append(sum(sentence in read for sentence in written))
        totals.append(len(written))
    return Measurement(np.array(verbatim, float), np.array(totals, float), PAIR, items, "share")


@cache
def _segmenter(language: str) -> Segmenter:
    from pysbd import Segmenter

    return Segmenter(language=language, clean=False)
