"""Samplings: from settings and a model to records of texts, the lines of ``results/samples/{sampling}.jsonl``."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from relab.files import write_text
from relab.sampling.loop import Generation, sample
from relab.sampling.prompts import LanguageModel, Prompt
from relab.sampling.streams import prompt_key, text_seed
from relab.scoring import logprobs
from relab.settings.samplings import CorpusPrompts, Sampling


def sample_records(
    settings: Sampling,
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    progress: Callable[[int], object] = lambda texts: None,
    batch: int = 64,
) -> Iterator[dict[str, Any]]:
    """Yield the records of a sampling, by prompt, method and index of the text; ``batch`` texts are computed at once.

    A text's random numbers depend on the sampling's seed, on what the model reads and on the text's number among those of its
    method that read the same: methods that ask alike use the same numbers, and a prompt that stands twice has other texts.
    """
    requests = [
        (prompt_index, name, index)
        for prompt_index in range(len(prompts))
        for name, method in settings.methods.items()
        for index in range(settings.number if method.do_sample else 1)
    ]
    token_ids = [prompts[prompt_index].inputs[name].token_ids for prompt_index, name, _ in requests]
    ends = lm.ends()
    generations = sample(
        lm.model,
        token_ids,
        length=settings.length,
        seeds=[
            text_seed(settings.seed, prompt_key(ids), number)
            for ids, number in zip(token_ids, _numbers(requests, token_ids), strict=True)
        ],
        decoding=[settings.methods[name].decoding for _, name, _ in requests],
        stop=ends if settings.stop else (),
        banned=() if settings.stop else ends,
        batch=batch,
        progress=progress,
    )
    human = _human(settings, lm, prompts)
    pairs = zip(requests, generations, strict=True)
    for prompt_index, group in itertools.groupby(pairs, key=lambda pair: pair[0][0]):
        for (_, name, index), generation in group:
            yield _record(settings, lm, prompts[prompt_index], prompt_index, name, index, generation)
        if human:
            yield _record(settings, lm, prompts[prompt_index], prompt_index, settings.prompts.human, 0, human[prompt_index])


def _numbers(requests: Sequence[tuple[int, str, int]], token_ids: Sequence[Sequence[int]]) -> Iterator[int]:
    """The number of each text, from 0, among those of its method for which the model reads the same."""
    counts: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for (_, name, _), ids in zip(requests, token_ids, strict=True):
        yield counts[name, tuple(ids)]
        counts[name, tuple(ids)] += 1


def _human(settings: Sampling, lm: LanguageModel, prompts: Sequence[Prompt]) -> list[Generation]:
    """The human continuations of the prompts with the model's log-probabilities; empty where they are not asked for."""
    if not isinstance(settings.prompts, CorpusPrompts) or settings.prompts.human is None:
        return []
    scored = logprobs(lm.model, [(prompt.inputs[settings.prompts.human].token_ids, prompt.human) for prompt in prompts])
    return [Generation(prompt.human, values) for prompt, values in zip(prompts, scored, strict=True)]


def _record(
    settings: Sampling, lm: LanguageModel, prompt: Prompt, prompt_index: int, name: str, index: int, generation: Generation
) -> dict[str, Any]:
    method, read = settings.methods.get(name), prompt.inputs[name]
    return {
        "method": name,
        "prompt": prompt.text,
        "asked": read.asked,
        "prompt_index": prompt_index,
        "row": prompt.row,
        "index": index,
        "text": lm.text_of(prompt.text, read, generation.token_ids),
        "ended": generation.ended,
        "settings": method.model_dump(mode="json") if method else None,
        "seed": settings.seed,
        "prompt_ids": read.token_ids,
        "token_ids": generation.token_ids,
        "token_logprobs": [round(logprob, 6) for logprob in generation.logprobs],
    }


def write_records(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write records as JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records))


def max_tokens(settings: Sampling, prompts: int) -> int:
    """The most tokens that a sampling may generate, for a progress bar."""
    texts = sum(settings.number if method.do_sample else 1 for method in settings.methods.values())
    return prompts * texts * settings.length
