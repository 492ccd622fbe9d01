"""What is measured on each sampled text, and the names of these measures in scores, tables and claims."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from relab.metrics.ngrams import distinct_share, repeated_share
from relab.texts.samples import Text

REPEATED, DISTINCT, LOGPROB, TOKENS, ENDED = "repeated 4-grams", "distinct-2", "mean log-probability", "tokens", "ended"

#: What a pair of methods is compared by beside differences of measures: the share of prompts whose first texts are the
#: same, token by token, and of those to which the first method's texts are at least as likely a token as the other's.
SAME, AS_LIKELY = "same text", "at least as likely"

#: The split of all scores of texts.
SPLIT = "texts"


def mean_logprob(text: Text) -> float:
    """Mean log-probability of a text's tokens under the model that is sampled from, in nats a token; NaN without tokens.

    The model itself at temperature 1, whatever the method: it tells how likely a text is, not how it was chosen. The token
    that ends a text counts, since beam search counts it.
    """
    return statistics.fmean(text.token_logprobs) if text.token_logprobs else float("nan")


#: The measures by name, each of one text; NaN where it is too short.
MEASURES: dict[str, Callable[[Text], float]] = {
    REPEATED: lambda text: repeated_share(text.tokens, 4),
    DISTINCT: lambda text: distinct_share(text.tokens, 2),
    LOGPROB: mean_logprob,
    TOKENS: lambda text: float(len(text.tokens)),
    ENDED: lambda text: float(text.ended),
}


def same_texts(first: Sequence[Text], second: Sequence[Text]) -> bool:
    """Whether two methods gave the same texts, token by token, to all prompts."""
    return [(text.prompt_index, text.token_ids) for text in first] == [(text.prompt_index, text.token_ids) for text in second]
