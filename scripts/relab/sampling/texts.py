"""Samplings: from settings and a model to records of texts, one for each line of ``results/samples/{sampling}.jsonl``."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import end_tokens, start_token
from relab.corpora.storage import documents
from relab.encoding import continuation, decode, encode, opening
from relab.errors import UserError
from relab.files import write_text
from relab.sampling.loop import Generation, sample
from relab.sampling.streams import prompt_key, text_seed
from relab.scoring import logprobs
from relab.settings.samplings import CorpusPrompts, Decoding, Sampling


@dataclass(frozen=True)
class Prompt:
    """A text to continue, its token ids, and where it was taken from a document those that follow in it."""

    text: str
    token_ids: list[int]
    human: list[int] | None = None


@dataclass(frozen=True)
class Reader:
    """A model with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def prompt(self, text: str, place: str) -> Prompt:
        """A text as a prompt, behind what the tokenizer puts before a text; the empty one is the token that texts start from.

        Raises:
            UserError: an empty text where the model has no such token, a character that the tokenizer lacks.
        """
        if text:
            return Prompt(text, [*opening(self.tokenizer), *encode(self.tokenizer, text, place).tolist()])
        start = start_token(self.model, self.tokenizer)
        if start is None:
            raise UserError(f"{place}: the text is empty, and the model has no token that texts start from; give a text")
        return Prompt("", [start])

    def ends(self) -> list[int]:
        """Token ids that end a text."""
        return end_tokens(self.model, self.tokenizer)


def prompts_of(settings: Sampling, reader: Reader, corpus: Path | None) -> list[Prompt]:
    """The prompts of a sampling.

    Raises:
        UserError: a prompt that cannot be encoded, a corpus with too few documents that are long enough.
    """
    if isinstance(settings.prompts, list):
        return [reader.prompt(text, f"prompts.{number}") for number, text in enumerate(settings.prompts)]
    return _from_corpus(settings.prompts, settings.length, reader, corpus)


def _from_corpus(settings: CorpusPrompts, length: int, reader: Reader, corpus: Path) -> list[Prompt]:
    """Beginnings of documents, evenly spread over those that go on for as long as the texts are to be.

    A beginning that would end within a character is shorter by the tokens of that character.
    """
    needed = settings.tokens + length
    long = []
    for document in documents(corpus):
        start = document[: 64 * needed]  # a token stands for a few characters: what lies far beyond need not be encoded
        ids = encode(reader.tokenizer, start, str(corpus))[:needed].tolist()
        if len(ids) == needed:
            long.append(ids)
    if len(long) < settings.number:
        raise UserError(
            f"{corpus}: expected {settings.number} documents of at least {needed} tokens (prompts.number, prompts.tokens, "
            f"length), found {len(long)}"
        )
    chosen = [long[index * len(long) // settings.number] for index in range(settings.number)]
    before = opening(reader.tokenizer)
    cuts = [_whole_characters(reader.tokenizer, ids, settings.tokens) for ids in chosen]
    return [
        Prompt(decode(reader.tokenizer, ids[:cut]), [*before, *ids[:cut]], ids[cut : cut + length])
        for ids, cut in zip(chosen, cuts, strict=True)
    ]


def _whole_characters(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], cut: int) -> int:
    """The last place up to ``cut`` at which no character is split between two tokens."""
    whole = decode(tokenizer, ids)
    while cut > 1 and not whole.startswith(decode(tokenizer, ids[:cut])):
        cut -= 1
    return cut


def sampled(
    settings: Sampling,
    reader: Reader,
    prompts: Sequence[Prompt],
    progress: Callable[[int], object] = lambda texts: None,
    batch: int = 64,
) -> Iterator[dict[str, Any]]:
    """The records of a sampling, by prompt, method and number of the text; ``batch`` texts are computed at once.

    A text's random numbers come from the sampling's seed, the prompt and the text's number alone: by every method, the same
    numbers choose among what the method leaves.
    """
    asked = [
        (place, name, index)
        for place in range(len(prompts))
        for name, method in settings.methods.items()
        for index in range(settings.number if method.do_sample else 1)
    ]
    ends = reader.ends()
    generations = sample(
        reader.model,
        [prompts[place].token_ids for place, _, _ in asked],
        length=settings.length,
        seeds=[text_seed(settings.seed, prompt_key(prompts[place].token_ids), index) for place, _, index in asked],
        decoding=[settings.methods[name] for _, name, _ in asked],
        stop=ends if settings.stop else (),
        banned=() if settings.stop else ends,
        batch=batch,
        progress=progress,
    )
    human = _human(settings, reader, prompts)
    pairs = zip(asked, generations, strict=True)
    for place, group in itertools.groupby(pairs, key=lambda pair: pair[0][0]):
        for (_, name, index), generation in group:
            yield _record(settings, reader, prompts[place], place, name, index, generation)
        if human:
            yield _record(settings, reader, prompts[place], place, settings.prompts.human, 0, human[place])


def _human(settings: Sampling, reader: Reader, prompts: Sequence[Prompt]) -> list[Generation]:
    """What people wrote after the prompts, as the model reads it; empty where that is not asked for."""
    if not isinstance(settings.prompts, CorpusPrompts) or settings.prompts.human is None:
        return []
    scored = logprobs(reader.model, [(prompt.token_ids, prompt.human) for prompt in prompts])
    return [Generation(prompt.human, values) for prompt, values in zip(prompts, scored, strict=True)]


def _record(
    settings: Sampling, reader: Reader, prompt: Prompt, place: int, name: str, index: int, generation: Generation
) -> dict[str, Any]:
    method: Decoding | None = settings.methods.get(name)
    return {
        "method": name,
        "prompt": prompt.text,
        "prompt_index": place,
        "index": index,
        "text": continuation(reader.tokenizer, prompt.text, prompt.token_ids, generation.token_ids),
        "ended": generation.ended,
        "settings": method.model_dump(mode="json") if method else None,
        "seed": settings.seed,
        "prompt_ids": prompt.token_ids,
        "token_ids": generation.token_ids,
        "token_logprobs": [round(one, 6) for one in generation.logprobs],
    }


def write(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write records as JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records))


def tokens_asked(settings: Sampling, prompts: int) -> int:
    """Tokens that a sampling generates at most."""
    texts = sum(settings.number if method.do_sample else 1 for method in settings.methods.values())
    return prompts * texts * settings.length


def device_memory(device: torch.device) -> dict[str, int]:
    """Peak memory on a card in MiB, for the record of the job; nothing on other devices."""
    return {"peak_gpu_memory_mib": torch.cuda.max_memory_allocated(device) // 2**20} if device.type == "cuda" else {}
