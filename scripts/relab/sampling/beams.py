"""Beam search, which Transformers' ``generate()`` does well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from transformers import GenerationConfig, PreTrainedModel

from relab.errors import UserError
from relab.prefix import context
from relab.scoring import logprobs
from relab.settings.samplings import Decoding


def search(
    model: PreTrainedModel,
    prompts: Mapping[int, Sequence[int]],
    methods: Sequence[Decoding],
    length: int,
    stop: Collection[int],
    banned: Collection[int],
    batch: int,
    progress: Callable[[int], object],
) -> Iterator[tuple[int, tuple[list[int], list[float], bool]]]:
    """For each prompt, by its number, the best text that a beam search finds: token ids, log-probabilities, whether it ended.

    Prompts of one method are searched together, ``batch`` beams at a time, padded on the left. N-gram blocking would take
    padding for text: there only prompts of one length meet.

    Raises:
        UserError: a text that would not fit the model's context.
    """
    groups: dict[tuple[Decoding, int], list[int]] = {}
    for number, prompt in prompts.items():
        _check(model, len(prompt), length)
        apart = len(prompt) if methods[number].no_repeat_ngram_size else 0
        groups.setdefault((methods[number], apart), []).append(number)
    for (method, _), numbers in groups.items():
        size = max(1, batch // method.num_beams)
        for first in range(0, len(numbers), size):
            chosen = numbers[first : first + size]
            texts = _generate(model, [prompts[number] for number in chosen], method, length, stop, banned)
            scored = logprobs(model, [(prompts[number], text) for number, text in zip(chosen, texts, strict=True)])
            for number, text, values in zip(chosen, texts, scored, strict=True):
                progress(length)
                yield number, (text, values, text[-1] in stop)


def _check(model: PreTrainedModel, start: int, length: int) -> None:
    window = context(model)
    if start + length > window:
        raise UserError(
            f"a beam search stays inside the context of {window} tokens, but a prompt of {start} and {length} more are "
            f"{start + length}: shorten one of them"
        )


def _generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    method: Decoding,
    length: int,
    stop: Collection[int],
    banned: Collection[int],
) -> list[list[int]]:
    """Token ids of the best text for each prompt, up to the token that ends it."""
    start = max(map(len, prompts))
    tokens = torch.tensor([[0] * (start - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (start - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    with _without_defaults(model):
        found = model.generate(
            tokens,
            attention_mask=mask,
            generation_config=GenerationConfig(
                max_new_tokens=length,
                do_sample=False,
                num_beams=method.num_beams,
                early_stopping=method.early_stopping,
                length_penalty=method.length_penalty,
                no_repeat_ngram_size=method.no_repeat_ngram_size,
                suppress_tokens=sorted(banned) or None,
                eos_token_id=sorted(stop) or None,
                pad_token_id=min(stop, default=0),
            ),
        )
    return [_until(text, stop) for text in found[:, start:].tolist()]


def _until(tokens: list[int], stop: Collection[int]) -> list[int]:
    end = next((place for place, token in enumerate(tokens) if token in stop), len(tokens) - 1)
    return tokens[: end + 1]


@contextmanager
def _without_defaults(model: PreTrainedModel) -> Iterator[None]:
    """Keep what a model's own generation_config.json says out of it: only our settings count."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own
