"""Beam search, which Transformers' ``generate()`` does well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from transformers import GenerationConfig, PreTrainedModel

from relab.encoded_sources import check_lengths, is_encoder_decoder, padded, target_opening
from relab.errors import UserError
from relab.networks import can_be_padded, context_length, has_key_value_cache
from relab.sampling.token_selector import no_token_left
from relab.scoring import logprobs
from relab.settings.samplings import Decoding


def beam_search(
    model: PreTrainedModel,
    prompts: Mapping[int, Sequence[int]],
    methods: Sequence[Decoding],
    length: int,
    stop: Collection[int],
    banned: Collection[int],
    batch: int,
    progress: Callable[[int], object],
) -> Iterator[tuple[int, tuple[list[int], list[float], bool]]]:
    """Yield the best text of a beam search for each prompt, by its number: token ids, log-probabilities, whether it ended.

    Prompts of one method are searched together, ``batch`` beams at a time, padded on the left. N-gram blocking would take
    padding for text: with it, and where a model cannot be padded, only prompts of the same length share a batch.

    Raises:
        UserError: a text that would not fit the model's context, or that n-gram blocking leaves no token to.
    """
    groups: dict[tuple[Decoding, int], list[int]] = {}
    for number, prompt in prompts.items():
        _check_length(model, len(prompt), length)
        unpadded = methods[number].no_repeat_ngram_size or not can_be_padded(model)
        prompt_length = len(prompt) if unpadded and not is_encoder_decoder(model) else 0
        groups.setdefault((methods[number], prompt_length), []).append(number)
    for (method, _), group in groups.items():
        size = max(1, batch // method.num_beams)
        for start in range(0, len(group), size):
            numbers = group[start : start + size]
            texts = _generate(model, [prompts[number] for number in numbers], method, length, stop, banned)
            token_logprobs = logprobs(model, [(prompts[number], text) for number, text in zip(numbers, texts, strict=True)])
            for number, text, values in zip(numbers, texts, token_logprobs, strict=True):
                progress(length)
                yield number, (text, values, text[-1] in stop)


def _check_length(model: PreTrainedModel, prompt_length: int, length: int) -> None:
    if is_encoder_decoder(model):
        check_lengths(model, [range(prompt_length)], len(target_opening(model)) + length - 1)  # the last token is no input
        return
    window = context_length(model)
    if prompt_length + length > window:
        raise UserError(
            f"a beam search stays inside the context of {window} tokens, but a prompt of {prompt_length} and {length} more are "
            f"{prompt_length + length}: shorten one of them"
        )


def _generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    method: Decoding,
    length: int,
    stop: Collection[int],
    banned: Collection[int],
) -> list[list[int]]:
    """Token ids of the best text for each prompt, cut after the token that ends it."""
    inputs, opening = _inputs(model, prompts)
    forced = opening[1:]  # generate() counts it among the tokens that the length penalty divides by
    padding = model.get_output_embeddings().weight.shape[0]  # behind the end of a text: no token of the vocabulary
    with _without_model_defaults(model):
        generated = model.generate(
            **inputs,
            generation_config=GenerationConfig(
                max_new_tokens=len(forced) + length,
                min_new_tokens=len(forced) + method.min_new_tokens if method.min_new_tokens else None,
                do_sample=False,
                num_beams=method.num_beams,
                use_cache=has_key_value_cache(model),
                early_stopping=method.early_stopping,
                length_penalty=method.length_penalty,
                no_repeat_ngram_size=method.no_repeat_ngram_size,
                suppress_tokens=sorted(banned) or None,
                eos_token_id=sorted(stop) or None,
                pad_token_id=padding,
                decoder_start_token_id=opening[0] if opening else None,
                forced_bos_token_id=forced[0] if forced else None,
            ),
        )
    start = len(opening) if opening else inputs["input_ids"].shape[1]
    texts = [_cut_after_stop([*text, padding], [*stop, padding]) for text in generated[:, start:].tolist()]
    for text in texts:
        if text[-1] == padding:
            del text[-1]
            if len(text) < length:  # generate() ends a text where all tokens are blocked
                raise no_token_left(method, len(text))
    return texts


def _inputs(model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The tensors that ``generate()`` starts from, and what the targets of an encoder–decoder start from."""
    if is_encoder_decoder(model):
        tokens, mask = padded(prompts, model.device)
        return {"input_ids": tokens, "attention_mask": mask}, target_opening(model)
    longest = max(map(len, prompts))
    tokens = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    return {"input_ids": tokens, "attention_mask": mask}, []


def _cut_after_stop(tokens: list[int], stop: Collection[int]) -> list[int]:
    return tokens[: next(index for index, token in enumerate(tokens) if token in stop) + 1]


@contextmanager
def _without_model_defaults(model: PreTrainedModel) -> Iterator[None]:
    """Ignore a model's generation_config.json inside the block: only our settings count."""
    defaults = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = defaults
