"""From sampled texts and a judge to judgements: all samplings and the held-out documents in one stream of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import start_text
from relab.judging.judge import judged
from relab.judging.spec import HUMAN
from relab.judging.storage import Judgement
from relab.texts.samples import Texts

#: Decimals of the log-probabilities that are kept.
DIGITS = 6


def asked(samplings: Sequence[Texts], human: Sequence[str]) -> list[dict[str, Any]]:
    """What is to be judged: the texts of each sampling by method, in declared order, then those that people wrote."""
    keys = ("method", "prompt", "prompt_index", "index", "text")
    sampled = [
        {"source": one.sampling, **{key: getattr(text, key) for key in keys}}
        for one in samplings
        for texts in one.methods.values()
        for text in texts
    ]
    people = {"source": HUMAN, "method": HUMAN, "prompt": "", "prompt_index": 0}
    return sampled + [{**people, "index": index, "text": text} for index, text in enumerate(human)]


def judgements(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[dict[str, Any]],
    progress: Callable[[int], object] = lambda texts: None,
) -> list[Judgement]:
    """The judgements of what :func:`asked` gave, in its order; see :func:`relab.judging.judge.judged`."""
    found = judged(model, tokenizer, [(one["prompt"], one["text"]) for one in texts], progress=progress)
    start = start_text(model, tokenizer)
    return [
        Judgement(
            **text,
            start=start,
            tokens=one.tokens,
            characters=one.characters,
            logprobs=[min(round(value, DIGITS), 0.0) for value in one.logprobs],
            cut=one.cut,
        )
        for text, one in zip(texts, found, strict=True)
    ]
