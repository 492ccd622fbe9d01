"""ROUGE of outputs with references, by rouge-score, pair by pair."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

from relab.metrics import Metric
from relab.metrics import generation_names as names
from relab.metrics.references import INPUTS, PAIR, PAIRS, check_pairs
from relab.metrics.sentences import sentences
from relab.statistics import Measurement

#: rouge-score's names of what is measured, by the field's.
TYPES = {names.ROUGE_1: "rouge1", names.ROUGE_2: "rouge2", names.ROUGE_L: "rougeL", names.ROUGE_LSUM: "rougeLsum"}


class ROUGE(Metric):
    """The F measures of ROUGE-1, -2, -L and -Lsum.

    ``compute(predictions=texts, references=lists of texts, items=digest of the pairs, stemmer=True)`` returns what
    :func:`rouge` does, by the field's names.
    """

    DESCRIPTION = "ROUGE-1, -2, -L, -Lsum: F measures by rouge-score; mean over pairs."
    CITATION = "Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries"
    INPUTS = INPUTS
    FEATURES = PAIRS

    def _compute(
        self, predictions: Sequence[str], references: Sequence[Sequence[str]], items: str = "", stemmer: bool = True
    ) -> dict[str, Measurement]:
        return rouge(predictions, references, items, stemmer)


def rouge(
    outputs: Sequence[str], references: Sequence[Sequence[str]], items: str = "", stemmer: bool = True
) -> dict[str, Measurement]:
    """The mean over pairs of the F measures in [0, 1] of each of :data:`TYPES`; 0 for an output without words.

    Of several references, that of the highest F measure counts, for each type by itself, as in later versions of rouge-score.
    ROUGE-L is the longest common subsequence of the texts; ROUGE-Lsum that of each sentence with all sentences
    (:func:`relab.metrics.sentences.sentences`; the end of a line ends one, too). Of single sentences, the two are the same.

    Words are runs of the letters a to z and of digits, in lower case: an accented letter divides a word, and a text in another
    script has none. So these are measures of English. A single word has no pair of words: even where it is right, its ROUGE-2
    is 0.

    Args:
        stemmer: whether words are reduced to their stems by Porter's algorithm, as ROUGE-1.5.5 does with ``-m`` and papers on
            summaries do; rouge-score's own default is not to.

    Raises:
        ValueError: no pair, or a pair without a reference.
    """
    from rouge_score.rouge_scorer import RougeScorer  # with NLTK, takes a second to load

    check_pairs(outputs, references)
    scorer = RougeScorer(list(TYPES.values()), use_stemmer=stemmer)
    best: dict[str, list[float]] = {name: [] for name in TYPES}
    for output, texts in zip(outputs, references, strict=True):
        scored = [scorer.score(_sentence_a_line(text), _sentence_a_line(output)) for text in texts]
        for name, kind in TYPES.items():
            best[name].append(max(scores[kind].fmeasure for scores in scored))
    return {name: Measurement.of(values, PAIR, items, "share") for name, values in best.items()}


def _sentence_a_line(text: str) -> str:
    """The text as rouge-score wants it for ROUGE-Lsum; to the other types, all that is no letter or digit is a blank."""
    return "\n".join(sentence for line in text.splitlines() for sentence in sentences(line))


def signature(stemmer: bool = True) -> str:
    """What was computed and by what, as sacrebleu's signatures say it."""
    rouge_score, pysbd = (importlib.metadata.version(name) for name in ("rouge-score", "pysbd"))
    how = f"measure:F1|refs:best|stemmer:{'porter' if stemmer else 'no'}|case:lc|tok:a-z0-9|sent:pysbd-{pysbd}"
    return f"{how}|rouge-score:{rouge_score}"
