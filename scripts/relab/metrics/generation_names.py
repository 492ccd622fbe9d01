"""Names of the metrics of outputs with references and sources."""

from __future__ import annotations

BLEU, CHRF, TER = "BLEU", "chrF", "TER"
ROUGE_1, ROUGE_2, ROUGE_L, ROUGE_LSUM = "ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum"
#: Of phonemes, the phoneme error rate.
TOKEN_ERRORS = "token error rate"
EXACT_MATCH, LENGTH_RATIO = "exact match", "length ratio"
COPIED, LONGEST_COPIED, VERBATIM = "copied words", "longest copied run", "verbatim sentences"
#: By size.
NOVEL = {size: f"novel {size}-grams" for size in (1, 2, 3, 4)}
CUT, REPEATED = "cut by the limit", "repeated 4-grams"
#: Only where the language of the outputs is said.
LANGUAGE = "language share"

ALL = (BLEU, CHRF, TER, ROUGE_1, ROUGE_2, ROUGE_L, ROUGE_LSUM, TOKEN_ERRORS, EXACT_MATCH, LENGTH_RATIO, COPIED, LONGEST_COPIED)
ALL += (VERBATIM, *NOVEL.values(), CUT, REPEATED, LANGUAGE)

#: Metrics of which less is better; of the lengths, the copying and the novel n-grams neither is.
LOWER_IS_BETTER = (TER, TOKEN_ERRORS, CUT, REPEATED)
HIGHER_IS_BETTER = (BLEU, CHRF, ROUGE_1, ROUGE_2, ROUGE_L, ROUGE_LSUM, EXACT_MATCH, LANGUAGE)


def better(metric: str) -> str:
    """Whether more or less of a metric is better, ``higher`` or ``lower``; nothing where neither is."""
    return "lower" if metric in LOWER_IS_BETTER else "higher" if metric in HIGHER_IS_BETTER else ""
