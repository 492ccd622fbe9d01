"""All metrics of a system that writes a target for each source, by name: what the rows on summaries and translations call.

Each is a :class:`~relab.statistics.Measurement` pair by pair. With equal ``items``, two systems are compared on the same pairs
by :func:`relab.statistics.difference`, and tested by :func:`relab.statistics.randomisation_p` of the ``sums`` of
:func:`relab.statistics.paired_change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from relab.metrics import generation_names as names
from relab.metrics import translation
from relab.metrics.abstraction import copied_words, longest_copied_run, novel_ngrams
from relab.metrics.error_rates import exact_match, token_error_rate
from relab.metrics.language import language_share
from relab.metrics.ngrams import repeated_share
from relab.metrics.references import PAIR, check_pairs
from relab.metrics.rouge import TYPES, rouge
from relab.metrics.rouge import signature as rouge_signature
from relab.metrics.sentences import verbatim_sentences
from relab.metrics.words import words
from relab.statistics import Measurement


@dataclass(frozen=True)
class Outputs:
    """What one system wrote for some pairs.

    Args:
        texts: a text a pair.
        references: of each pair, one or more.
        sources: of each pair, the text that was to be summarised or translated, without the prompt around it.
        cut: of each pair, whether the limit of its tokens ended the text.
        items: identifies the pairs (:func:`relab.statistics.units_digest`).
        language: that the texts should be in, as an ISO 639-1 code.

    Raises:
        ValueError: unequal numbers, no pair, a pair without a reference.
    """

    texts: Sequence[str]
    references: Sequence[Sequence[str]]
    sources: Sequence[str]
    cut: Sequence[bool]
    items: str = ""
    language: str | None = None

    def __post_init__(self) -> None:
        check_pairs(self.texts, self.references)
        if not len(self.texts) == len(self.sources) == len(self.cut):
            raise ValueError(f"{len(self.texts)} texts, {len(self.sources)} sources and {len(self.cut)} flags")


@dataclass(frozen=True)
class Measured:
    """The metrics of a system by name, and how they were computed."""

    scores: dict[str, Measurement] = field(default_factory=dict)
    #: The value of each pair by itself ``[pairs]``, NaN where it has none: what telling pairs are found by.
    per_pair: dict[str, np.ndarray] = field(default_factory=dict)
    #: Of the metrics that are a library's.
    signatures: dict[str, str] = field(default_factory=dict)


def measure(outputs: Outputs, metrics: Iterable[str] | None = None, stemmer: bool = True) -> Measured:
    """The metrics of one system.

    Args:
        metrics: their names (:mod:`relab.metrics.generation_names`). None: all, that of the language only where it is said.
        stemmer: of ROUGE (:func:`relab.metrics.rouge.rouge`).

    Raises:
        KeyError: another name.
        ValueError: the metric of the language without one, or of one that the identifier does not know.
    """
    if metrics is None:
        metrics = [name for name in names.ALL if name != names.LANGUAGE or outputs.language is not None]
    measured, metrics = Measured(), list(metrics)
    rouges = rouge(outputs.texts, outputs.references, outputs.items, stemmer) if TYPES.keys() & metrics else {}
    for name in metrics:
        if name in TRANSLATION:
            scored = TRANSLATION[name].measure(outputs.texts, outputs.references, outputs.items)
            measured.scores[name], measured.per_pair[name], measured.signatures[name] = scored
            continue
        if name in rouges:
            measured.signatures[name] = rouge_signature(stemmer, outputs.references)
        measured.scores[name] = rouges[name] if name in rouges else COUNTED[name](outputs)
        measured.per_pair[name] = value_of_each(measured.scores[name])
    return measured


def _language_share(outputs: Outputs) -> Measurement:
    if outputs.language is None:
        raise ValueError(f"{names.LANGUAGE}: expected outputs with a language")
    return language_share(outputs.texts, outputs.language, outputs.items)


def value_of_each(measurement: Measurement) -> np.ndarray:
    """The ratio of each unit by itself ``[units]``; NaN for units that were not counted."""
    counted = measurement.counts > 0
    return np.where(counted, measurement.sums / np.where(counted, measurement.counts, 1), np.nan)


def length_ratio(texts: Sequence[str], references: Sequence[Sequence[str]], items: str = "") -> Measurement:
    """The words of all outputs divided by those of their references, 0 or more.

    Of several references that of the nearest length counts, of two as near the shorter, as for BLEU. Pairs whose reference has
    no word are not counted.
    """
    written, expected = [], []
    for text, references_of_pair in zip(texts, references, strict=True):
        length = len(words(text))
        _, nearest = min((abs(len(words(reference)) - length), len(words(reference))) for reference in references_of_pair)
        written.append(length if nearest else 0)
        expected.append(nearest)
    return Measurement(np.array(written, float), np.array(expected, float), PAIR, items)


def repeated_four_grams(texts: Sequence[str], items: str = "") -> Measurement:
    """The share of 4-grams of words, in [0, 1), that stood in the output before (:func:`relab.metrics.ngrams.repeated_share`);
    mean over outputs of at least four words.
    """
    return Measurement.of([repeated_share(words(text), 4) for text in texts], PAIR, items, "share")


TRANSLATION = {names.BLEU: translation.BLEU, names.CHRF: translation.ChrF, names.TER: translation.TER}

#: Metrics that are counts of our own.
COUNTED: dict[str, Callable[[Outputs], Measurement]] = {
    names.TOKEN_ERRORS: lambda outputs: token_error_rate(outputs.texts, outputs.references, outputs.items),
    names.EXACT_MATCH: lambda outputs: exact_match(outputs.texts, outputs.references, outputs.items),
    names.LENGTH_RATIO: lambda outputs: length_ratio(outputs.texts, outputs.references, outputs.items),
    names.COPIED: lambda outputs: copied_words(outputs.texts, outputs.sources, outputs.items),
    names.LONGEST_COPIED: lambda outputs: longest_copied_run(outputs.texts, outputs.sources, outputs.items),
    names.VERBATIM: lambda outputs: verbatim_sentences(outputs.texts, outputs.sources, outputs.items),
    **{
        name: lambda outputs, size=size: novel_ngrams(outputs.texts, outputs.sources, size, outputs.items)
        for size, name in names.NOVEL.items()
    },
    names.CUT: lambda outputs: Measurement.of(np.asarray(outputs.cut, float), PAIR, outputs.items, "share"),
    names.REPEATED: lambda outputs: repeated_four_grams(outputs.texts, outputs.items),
    names.LANGUAGE: _language_share,
}
