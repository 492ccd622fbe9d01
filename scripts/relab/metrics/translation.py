"""BLEU, chrF and TER of outputs with references, by sacrebleu, pair by pair.

None of them is a mean over pairs: each is a function of sums over pairs (matches and totals of n-grams, lengths, edits), and
its uncertainty is that of these sums (:meth:`relab.statistics.Measurement.of_totals`). sacrebleu publishes the sums of BLEU but
not those of chrF and TER, so what is called here are two methods of the base class of its metrics that its own significance
tests are made of, ``_extract_corpus_statistics`` and ``_compute_score_from_stats``; tests hold them to ``corpus_score``.

All values are shares, as other scores here: 0.455 is what sacrebleu prints as 45.5. They compare only with equal signatures
(Post 2018, A Call for Clarity in Reporting BLEU Scores).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import sacrebleu.metrics as reference

from relab.metrics import Metric
from relab.metrics.references import INPUTS, PAIR, PAIRS, check_pairs
from relab.statistics import Measurement, Scale
from relab.words import CHINESE, UNDIVIDED, characters_apart, script

#: sacrebleu's tokenizers of scripts without blanks between words; it has none for Thai and its like, whose characters it takes.
BLEU_OPTIONS = {CHINESE: {"tokenize": "zh"}, UNDIVIDED: {"tokenize": "char"}}


class Translated(NamedTuple):
    """A score of outputs with references."""

    score: Measurement  #: of all pairs together
    per_pair: np.ndarray  #: the score of each pair by itself ``[pairs]``, to find telling ones; its mean is not ``score``
    signature: str  #: what sacrebleu calls what was computed, and its version


class _Sacrebleu(Metric):
    """A score of sacrebleu.

    ``compute(predictions=texts, references=lists of texts, items=digest of the pairs, options=arguments of sacrebleu's class)``
    returns ``score``, ``per_pair`` and ``signature`` as :class:`Translated` has them.
    """

    INPUTS = INPUTS
    FEATURES = PAIRS

    implementation: ClassVar[type[reference.BLEU | reference.CHRF | reference.TER]]
    scale: ClassVar[Scale] = "share"
    corpus_options: ClassVar[Mapping[str, Any]] = {}
    pair_options: ClassVar[Mapping[str, Any]] = {}
    #: Of references in a script without blanks between words, where its own words would be whole clauses.
    script_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    #: Scripts of which sacrebleu would take whole clauses for words: it is given their characters apart.
    parted_scripts: ClassVar[tuple[str, ...]] = ()

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
        items: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return self.measure(predictions, references, items, **options or {})._asdict()

    @classmethod
    def measure(
        cls, outputs: Sequence[str], references: Sequence[Sequence[str]], items: str = "", **options: Any
    ) -> Translated:
        """The score of some outputs, without going through ``compute``.

        Args:
            references: of each pair one or more; their numbers may differ.
            items: identifies the pairs, so that two systems are compared pair by pair.
            options: of sacrebleu's class, such as ``lowercase``, ``tokenize`` of BLEU, ``word_order`` of chrF.

        Raises:
            ValueError: no pair, or a pair without a reference.
        """
        check_pairs(outputs, references)
        written = script(text for texts in references for text in texts)
        options = {**cls.corpus_options, **cls.script_options.get(written, {}), **options}
        parted = written in cls.parted_scripts
        if parted:
            outputs, references = (
                list(map(characters_apart, outputs)),
                [list(map(characters_apart, texts)) for texts in references],
            )
        of_corpus = cls.implementation(**options)
        of_pair = cls.implementation(**cls.pair_options, **options)
        # sacrebleu wants all first references, then all second ones, None where a pair has no further one
        streams = [
            [texts[number] if number < len(texts) else None for texts in references]
            for number in range(max(map(len, references)))
        ]
        table = np.array(of_corpus._extract_corpus_statistics(outputs, streams), dtype=float)

        def score(metric: Any, totals: np.ndarray) -> float:
            value = metric._compute_score_from_stats(totals.tolist()).score / 100
            return min(value, 1.0) if cls.scale == "share" else value  # its logarithms make 1.0000000000000004 of all right

        return Translated(
            Measurement.of_totals(table, lambda totals: score(of_corpus, totals), PAIR, items, cls.scale),
            np.array([score(of_pair, row) for row in table]),
            f"{of_corpus.get_signature()}{'|characters:apart' if parted else ''}",
        )


class BLEU(_Sacrebleu):
    """Corpus BLEU-4 in [0, 1]: precision of n-grams of words, times a penalty for outputs shorter than the nearest reference.

    By itself, a pair has the orders only that it has n-grams of (sacrebleu's effective order), with exponential smoothing.
    """

    DESCRIPTION = "Corpus BLEU by sacrebleu."
    CITATION = "Papineni et al. 2002, BLEU: a Method for Automatic Evaluation of Machine Translation"
    implementation = reference.BLEU
    corpus_options = {"force": True}  # no warning of outputs that end in " .", as those of small models do
    pair_options = {"effective_order": True}
    script_options = BLEU_OPTIONS


class ChrF(_Sacrebleu):
    """Corpus chrF in [0, 1]: the F score (recall counts twice) of n-grams of 1 to 6 characters without blanks; of several
    references, the one on which a pair scores highest.
    """

    DESCRIPTION = "Corpus chrF by sacrebleu."
    CITATION = "Popović 2015, chrF: character n-gram F-score for automatic MT evaluation"
    implementation = reference.CHRF


class TER(_Sacrebleu):
    """Translation edit rate, 0 or more, lower is better: insertions, deletions, substitutions and shifts of words that make the
    output the nearest reference, divided by the words of the references (the mean over a pair's). Lower case by default.

    Where no blanks divide words, these are characters: sacrebleu parts Chinese and Japanese, not Thai and its like.
    """

    DESCRIPTION = "Corpus TER by sacrebleu."
    CITATION = "Snover et al. 2006, A Study of Translation Edit Rate with Targeted Human Annotation"
    implementation = reference.TER
    scale = "mean"
    script_options = {name: {"normalized": True, "asian_support": True} for name in (CHINESE, UNDIVIDED)}
    parted_scripts = (UNDIVIDED,)
