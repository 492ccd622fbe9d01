"""Samplings: from settings and a model to records of texts, the lines of ``results/samples/{sampling}.jsonl``."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import end_tokens, start_token
from relab.corpora.storage import documents
from relab.encoding import continuation, decode, encode, opening_tokens
from relab.errors import UserError
from relab.files import write_text
from relab.sampling.loop import Generation, sample
from relab.sampling.streams import prompt_key, text_seed
from relab.scoring import logprobs
from relab.settings.samplings import CorpusPrompts, Decoding, Sampling


@dataclass(frozen=True)
class Prompt:
    """A text to continue and its token ids; for the beginning of a document also the ids of its ``human`` continuation."""

    text: str
    token_ids: list[int]
    human: list[int] | None = None


@dataclass(frozen=True)
class LanguageModel:
    """A model with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def prompt(self, text: str, source: str) -> Prompt:
        """Encode a text as a prompt, after the tokenizer's beginning-of-text token; the empty text is the model's start token.

        Raises:
            UserError: an empty text where the model has no such token, a character that the tokenizer lacks.
        """
        if text:
            return Prompt(text, [*opening_tokens(self.tokenizer), *encode(self.tokenizer, text, source).tolist()])
        start = start_token(self.model, self.tokenizer)
        if start is None:
            raise UserError(f"{source}: the text is empty, and the model has no token that texts start from; give a text")
        return Prompt("", [start])

    def ends(self) -> list[int]:
        """The token ids that end a text."""
        return end_tokens(self.model, self.tokenizer)


def build_prompts(settings: Sampling, lm: LanguageModel, corpus: Path | None) -> list[Prompt]:
    """The prompts of a sampling, from its settings or from the documents of a corpus.

    Raises:
        UserError: a prompt that cannot be encoded, a corpus with too few documents that are long enough.
    """
    if isinstance(settings.prompts, list):
        return [lm.prompt(text, f"prompts.{number}") for number, text in enumerate(settings.prompts)]
    return _from_corpus(settings.prompts, settings.length, lm, corpus)


def _from_corpus(settings: CorpusPrompts, length: int, lm: LanguageModel, corpus: Path) -> list[Prompt]:
    """Beginnings of documents, evenly spread over those that are long enough for a prompt and a text.

    A beginning that would end within a character is shorter by the tokens of that character.
    """
    needed = settings.tokens + length
    candidates = []
    for document in documents(corpus):
        start = document[: 64 * needed]  # a token has a few characters: what lies far beyond need not be encoded
        ids = encode(lm.tokenizer, start, str(corpus))[:needed].tolist()
        if len(ids) == needed:
            candidates.append(ids)
    if len(candidates) < settings.number:
        raise UserError(
            f"{corpus}: expected {settings.number} documents of at least {needed} tokens (prompts.number, prompts.tokens, "
            f"length), found {len(candidates)}"
        )
    chosen = [candidates[index * len(candidates) // settings.number] for index in range(settings.number)]
    before = opening_tokens(lm.tokenizer)
    cuts = [_whole_characters(lm.tokenizer, ids, settings.tokens) for ids in chosen]
    return [
        Prompt(decode(lm.tokenizer, ids[:cut]), [*before, *ids[:cut]], ids[cut : cut + length])
        for ids, cut in zip(chosen, cuts, strict=True)
    ]


def _whole_characters(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], cut: int) -> int:
    """The last index up to ``cut`` at which no character is split between two tokens."""
    text = decode(tokenizer, ids)
    while cut > 1 and not text.startswith(decode(tokenizer, ids[:cut])):
        cut -= 1
    return cut


def sample_records(
    settings: Sampling,
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    progress: Callable[[int], object] = lambda texts: None,
    batch: int = 64,
) -> Iterator[dict[str, Any]]:
    """Yield the records of a sampling, by prompt, method and index of the text; ``batch`` texts are computed at once.

    A text's random numbers depend on the sampling's seed, the prompt and the text's index alone: all methods use the same
    numbers.
    """
    requests = [
        (prompt_index, name, index)
        for prompt_index in range(len(prompts))
        for name, method in settings.methods.items()
        for index in range(settings.number if method.do_sample else 1)
    ]
    ends = lm.ends()
    generations = sample(
        lm.model,
        [prompts[prompt_index].token_ids for prompt_index, _, _ in requests],
        length=settings.length,
        seeds=[
            text_seed(settings.seed, prompt_key(prompts[prompt_index].token_ids), index) for prompt_index, _, index in requests
        ],
        decoding=[settings.methods[name] for _, name, _ in requests],
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


def _human(settings: Sampling, lm: LanguageModel, prompts: Sequence[Prompt]) -> list[Generation]:
    """The human continuations of the prompts with the model's log-probabilities; empty where they are not asked for."""
    if not isinstance(settings.prompts, CorpusPrompts) or settings.prompts.human is None:
        return []
    scored = logprobs(lm.model, [(prompt.token_ids, prompt.human) for prompt in prompts])
    return [Generation(prompt.human, values) for prompt, values in zip(prompts, scored, strict=True)]


def _record(
    settings: Sampling, lm: LanguageModel, prompt: Prompt, prompt_index: int, name: str, index: int, generation: Generation
) -> dict[str, Any]:
    method: Decoding | None = settings.methods.get(name)
    return {
        "method": name,
        "prompt": prompt.text,
        "prompt_index": prompt_index,
        "index": index,
        "text": continuation(lm.tokenizer, prompt.text, prompt.token_ids, generation.token_ids),
        "ended": generation.ended,
        "settings": method.model_dump(mode="json") if method else None,
        "seed": settings.seed,
        "prompt_ids": prompt.token_ids,
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
