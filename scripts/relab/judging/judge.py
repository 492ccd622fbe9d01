"""Perplexity's raw material: what a judge makes of each token of texts.

The judge reads its start-of-text token, if it has one, the prompt and the text as one string. Counted are the tokens that hold
at least a part of a character of the text: one that straddles prompt and text counts whole. Start token, prompt and padding are
never counted, nor is the end of the text, which the judge is not asked about. Without a start token and without a prompt there
is nothing that the first token could follow: it is not scored, and its characters do not count either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import start_token
from relab.encoding import encode
from relab.errors import UserError
from relab.networks import context_length
from relab.scoring import BATCH_TOKENS, logprobs

#: Tokens that are read at once at most, padding included. A CUDA card wants more than a CPU: with 50,000 words to choose from
#: this is some 800 MB of scores, and as much again while they are normalised.
TOKENS_BY_DEVICE = {"cuda": 4096}


@dataclass(frozen=True)
class Judged:
    """What a judge made of one text.

    ``logprobs`` are natural logarithms of the probability of each counted token, ``characters`` the number of the text's
    characters that these tokens hold. ``cut`` tells that the judge's context ended before the text did: what lies beyond is in
    neither.
    """

    logprobs: list[float]
    characters: int
    cut: bool = False

    @property
    def tokens(self) -> int:
        return len(self.logprobs)


@dataclass(frozen=True)
class _Encoded:
    """A text as token ids: those before the first counted one, which the judge reads too, and the counted ones."""

    before: list[int]
    counted: list[int]
    characters: int
    cut: bool


def judged(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[tuple[str, str]],
    tokens: int | None = None,
    progress: Callable[[int], object] = lambda texts: None,
) -> list[Judged]:
    """Have a model judge texts, each after its prompt.

    Texts of similar length are read together; the same prompt and text are read once. A text longer than the context is cut.

    Args:
        model: the judge, a causal language model in evaluation mode.
        tokenizer: its tokenizer, which must tell where in a text its tokens lie, as those of the library Tokenizers do.
        texts: prompt and text, each of which may be empty.
        tokens: tokens, padding included, that are read at once at most; by default what suits the device.
        progress: called with the number of texts that are done, first for those that need not be read, then after each batch.

    Returns:
        What the judge made of each text, in their order.

    Raises:
        UserError: a tokenizer that does not tell where its tokens lie, a character that it does not know, a judge that gives
            no numbers.
    """
    if not tokenizer.is_fast:
        raise UserError(f"the judge's tokenizer: expected one that tells where tokens lie, found {type(tokenizer).__name__}")
    start = start_token(model, tokenizer)
    window = context_length(model)
    positions: dict[tuple[str, str], list[int]] = {}
    for position, pair in enumerate(texts):
        positions.setdefault(pair, []).append(position)
    encoded = [_encoded(tokenizer, start, window, *pair, f"text {indices[0] + 1}") for pair, indices in positions.items()]
    scored = [number for number, text in enumerate(encoded) if text.counted]
    pairs = [(encoded[number].before, encoded[number].counted) for number in scored]
    progress(len(texts) - len(scored))
    budget = tokens or TOKENS_BY_DEVICE.get(model.device.type, BATCH_TOKENS)
    values = dict(zip(scored, logprobs(model, pairs, budget, progress), strict=True))
    results: dict[int, Judged] = {}
    for number, (text, indices) in enumerate(zip(encoded, positions.values(), strict=True)):
        if not all(map(math.isfinite, values.get(number, []))):
            raise UserError(f"text {indices[0] + 1}: the judge's log-probabilities are not numbers: is it a sound model?")
        results |= dict.fromkeys(indices, Judged(values.get(number, []), text.characters, text.cut))
    return [results[position] for position in range(len(texts))]


def _encoded(tokenizer: PreTrainedTokenizerBase, start: int | None, window: int, prompt: str, text: str, name: str) -> _Encoded:
    ids = encode(tokenizer, prompt + text, name).tolist()
    ends = [end for _, end in _offsets(tokenizer, prompt + text)]
    # tokens come in the order of the text: from the first one that reaches beyond the prompt, all hold some of the text
    first = next((number for number, end in enumerate(ends) if end > len(prompt)), len(ids))
    started = [] if start is None else [start]
    if not started:
        first = max(first, 1)
    kept = min(len(ids), window + 1 - len(started))  # the last token is predicted, not read
    cut = kept < len(ids) and first < len(ids)
    counted = ids[first:kept]
    begin = max(len(prompt), ends[first - 1]) if counted and first else len(prompt)
    end = ends[kept - 1] if cut else len(prompt) + len(text)
    return _Encoded([*started, *ids[:first]], counted, end - begin if counted else 0, cut)


def _offsets(tokenizer: PreTrainedTokenizerBase, text: str) -> list[tuple[int, int]]:
    """Where each token begins and ends in a text, in characters."""
    options = {"return_offsets_mapping": True, "return_attention_mask": False, "verbose": False}
    return tokenizer(text, add_special_tokens=False, **options)["offset_mapping"]
