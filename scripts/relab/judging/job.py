"""From texts and a judge to judgements, in one stream of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import start_text
from relab.judging.judge import judged
from relab.judging.storage import Judgement

#: Decimals of the log-probabilities that are kept.
DIGITS = 6


def judgements(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[dict[str, Any]],
    progress: Callable[[int], object] = lambda texts: None,
) -> list[Judgement]:
    """The judgements of texts, in their order; see :func:`relab.judging.judge.judged`.

    Args:
        texts: the fields of a judgement that tell which text it is: source, method, prompt, prompt_index, index, text.
    """
    results = judged(model, tokenizer, [(text["prompt"], text["text"]) for text in texts], progress=progress)
    start = start_text(model, tokenizer)
    return [
        Judgement(
            **text,
            start=start,
            tokens=result.tokens,
            characters=result.characters,
            logprobs=[min(round(value, DIGITS), 0.0) for value in result.logprobs],
            cut=result.cut,
        )
        for text, result in zip(texts, results, strict=True)
    ]
