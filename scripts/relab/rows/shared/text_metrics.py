"""Names of the metrics of texts with references, and what tables say of each.

:mod:`relab.metrics.generation_names` has the names too, but takes a second to load, for which Snakemake should not wait.
"""

from __future__ import annotations

import re

#: The metric that says in which language a text is.
LANGUAGE = "language share"

#: What tables say of each metric.
ABOUT = {
    "BLEU": "Precision of runs of one to four words, times a penalty for outputs that are too short.",
    "chrF": "F score, in which recall counts twice, of runs of one to six characters.",
    "TER": "Insertions, deletions, substitutions and shifts of words by the words of the reference.",
    "ROUGE-1": "F score of words (their stems), in any order.",
    "ROUGE-2": "F score of pairs of words; a single word has none.",
    "ROUGE-L": "F score of the longest common subsequence of words.",
    "ROUGE-Lsum": "The same, of each sentence with all sentences.",
    "token error rate": "Insertions, deletions and substitutions of what stands between blanks, by that of the reference: of "
    "phonemes the phoneme error rate.",
    "exact match": "Share of outputs that are a reference, but for white space.",
    "length ratio": "Words of the outputs by those of the references.",
    "copied words": "Share of the words of the outputs that stand in their source.",
    "longest copied run": "Words of the longest run of the output that stands in its source.",
    **{
        f"novel {size}-grams": f"Share of runs of {size} words of the outputs that do not stand in their source."
        for size in (2, 3, 4)
    },
    "verbatim sentences": "Share of the sentences of the outputs that stand in their source, sign by sign.",
    "novel 1-grams": "Share of the words of the outputs that do not stand in their source.",
    "cut by the limit": "Share of outputs that the limit of their tokens ended.",
    "repeated 4-grams": "Share of runs of four words that stood in the same output before.",
    LANGUAGE: "Share of outputs that an identifier takes for the language that they should be in.",
}


def column(metric: str) -> str:
    """The column of a metric in tables: ``rouge_1`` for ROUGE-1."""
    return re.sub(r"\W+", "_", metric.lower())
