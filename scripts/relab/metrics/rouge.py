"""ROUGE of outputs with references, by rouge-score, pair by pair."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence

from relab.metrics import Metric
from relab.metrics import generation_names as names
from relab.metrics.references import INPUTS, PAIR, PAIRS, check_pairs
from relab.metrics.sentences import sentences
from relab.metrics.words import words
from relab.statistics import Measurement
from relab.words import LATIN, script

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

    Words are runs of the letters a to z and of digits, in lower case: an accented letter divides a word. Where most letters of
    the references are of another script, of which nothing would be left, they are those of :func:`relab.metrics.words.words`,
    characters where no blanks divide words, and have no stems. A single word has no pair of words: even where it is right, its
    ROUGE-2 is 0.

    Args:
        stemmer: whether words are reduced to their stems by Porter's algorithm, as ROUGE-1.5.5 does with ``-m`` and papers on
            summaries do; rouge-score's own default is not to.

    Raises:
        ValueError: no pair, or a pair without a reference.
    """
    from rouge_score.rouge_scorer import RougeScorer  # with NLTK, takes a second to load

    check_pairs(outputs, references)
    as_read = _sentence_a_line if _is_latin(references) else _words_as_numbers()
    scorer = RougeScorer(list(TYPES.values()), use_stemmer=stemmer and _is_latin(references))
    best: dict[str, list[float]] = {name: [] for name in TYPES}
    for output, texts in zip(outputs, references, strict=True):
        scored = [scorer.score(as_read(text), as_read(output)) for text in texts]
        for name, kind in TYPES.items():
            best[name].append(max(scores[kind].fmeasure for scores in scored))
    return {name: Measurement.of(values, PAIR, items, "share") for name, values in best.items()}


def _sentence_a_line(text: str) -> str:
    """The text as rouge-score wants it for ROUGE-Lsum; to the other types, all that is no letter or digit is a blank."""
    return "\n".join(sentence for line in text.splitlines() for sentence in sentences(line))


def _is_latin(references: Sequence[Sequence[str]]) -> bool:
    return script(text for texts in references for text in texts) == LATIN


def _words_as_numbers() -> Callable[[str], str]:
    """A text as rouge-score wants it, with a number in place of each word: it reads digits of whatever script a word is."""
    numbers: dict[str, int] = {}

    def numbered(text: str) -> str:
        lines = _sentence_a_line(text).splitlines()
        return "\n".join(" ".join(str(numbers.setdefault(word, len(numbers))) for word in words(line)) for line in lines)

    return numbered


def signature(stemmer: bool = True, references: Sequence[Sequence[str]] = ()) -> str:
    """What was computed and by what, as sacrebleu's signatures say it."""
    latin = _is_latin(references)
    rouge_score, pysbd = (importlib.metadata.version(name) for name in ("rouge-score", "pysbd"))
    stems, tokenizer = "porter" if stemmer and latin else "no", "a-z0-9" if latin else "words"
    how = f"measure:F1|refs:best|stemmer:{stems}|case:lc|tok:{tokenizer}|sent:pysbd-{pysbd}"
    return f"{how}|rouge-score:{rouge_score}"
