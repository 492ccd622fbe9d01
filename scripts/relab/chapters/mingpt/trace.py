"""E2 and E3: a model followed word by word, its probabilities beside those of the corpus and of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.chapters.mingpt.records import ALTERNATIVES, DRAWN, GREEDY, WORDS, Alternative, Step, Text
from relab.chapters.mingpt.sentences import Sentences, total_variation
from relab.chapters.mingpt.settings import TraceSpec
from relab.encoding import continuation, encode
from relab.errors import UserError
from relab.sampling import sample, text_seed
from relab.sampling.streams import prompt_key
from relab.scoring import next_token_logprobs
from relab.settings.samplings import Decoding

#: Decimals of probabilities in a trace.
DIGITS = 6


@dataclass(frozen=True)
class Traced:
    """What is followed: a model in evaluation mode, its tokenizer, the sentences that it was trained on."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sentences: Sentences


@dataclass(frozen=True)
class _Asked:
    """A text to generate."""

    table: str
    prompt: str
    prompt_ids: list[int]
    temperature: float
    method: str

    @property
    def decoding(self) -> Decoding:
        return Decoding(do_sample=self.method == DRAWN, temperature=self.temperature)


def trace(settings: TraceSpec, traced: Traced) -> Iterator[Text]:
    """For each prompt of E2 a greedy and a drawn text, for each of E3 a greedy one with the most probable tokens.

    A drawn text depends on the seed, its prompt and its temperature alone.

    Raises:
        UserError: a prompt and its text that do not fit the model's context.
    """
    asked = _asked(settings, traced)
    prompts = [one.prompt_ids for one in asked]
    common = {"length": settings.length, "seeds": [text_seed(settings.seed, prompt_key(ids), 0) for ids in prompts]}
    texts = sample(traced.model, prompts, decoding=[one.decoding for one in asked], **common)
    greedy = sample(traced.model, prompts, decoding=Decoding(), **common)
    for one, text, untempered in zip(asked, texts, greedy, strict=True):
        number = settings.alternatives.number if one.table == ALTERNATIVES else 0
        yield Text(
            table=one.table,
            prompt=one.prompt,
            prompt_ids=one.prompt_ids,
            temperature=one.temperature,
            method=one.method,
            seed=settings.seed,
            greedy_ids=untempered.token_ids,
            steps=list(_steps(one, text.token_ids, number, traced)),
        )


def _asked(settings: TraceSpec, traced: Traced) -> list[_Asked]:
    window = traced.model.config.max_position_embeddings

    def ids(prompt: str, place: str) -> list[int]:
        found = encode(traced.tokenizer, prompt, place).tolist()
        if len(found) + settings.length - 1 > window:
            raise UserError(
                f"{place}: a prompt of {len(found)} tokens and {settings.length} more (chapters.mingpt.length) do not fit the "
                f"model's context of {window} tokens"
            )
        return found

    words = [
        _Asked(WORDS, one.prompt, ids(one.prompt, f"chapters.mingpt.words.{place}.prompt"), one.temperature, method)
        for place, one in enumerate(settings.words)
        for method in (GREEDY, DRAWN)
    ]
    alternatives = [
        _Asked(ALTERNATIVES, prompt, ids(prompt, f"chapters.mingpt.alternatives.prompts.{place}"), 1.0, GREEDY)
        for place, prompt in enumerate(settings.alternatives.prompts)
    ]
    return words + alternatives


def _steps(asked: _Asked, token_ids: Sequence[int], number: int, traced: Traced) -> Iterator[Step]:
    text = [*asked.prompt_ids, *token_ids]
    logprobs = next_token_logprobs(traced.model, text[:-1])[len(asked.prompt_ids) - 1 :]
    tempered = (logprobs / asked.temperature).log_softmax(-1)
    for place, token in enumerate(token_ids):
        beginning = text[: len(asked.prompt_ids) + place]
        word_of = partial(_word, traced.tokenizer, "" if place else asked.prompt, beginning)
        yield _step(beginning, token, logprobs[place], tempered[place], number, traced, word_of)


def _word(tokenizer: PreTrainedTokenizerBase, prompt: str, beginning: Sequence[int], token: int) -> str:
    """A token as text behind a beginning, which is a prompt or goes on from one that ended before."""
    return continuation(tokenizer, prompt, beginning, [token], marks=True)


def _step(
    beginning: Sequence[int],
    token: int,
    logprobs: torch.Tensor,
    tempered: torch.Tensor,
    number: int,
    traced: Traced,
    word_of: Callable[[int], str],
) -> Step:
    """A step from the model's log-probabilities ``[vocabulary]`` at temperature 1 and at that of the text."""
    grammar, corpus = traced.sentences.grammar.after(beginning), traced.sentences.corpus.after(beginning)
    probabilities = logprobs.exp().tolist()
    best = logprobs.topk(min(number, len(logprobs))).indices.tolist()
    return Step(
        id=token,
        word=word_of(token),
        probability=round(float(tempered[token].exp()), DIGITS),
        model_probability=round(probabilities[token], DIGITS),
        sentences=int(traced.sentences.corpus.weight(beginning)),
        grammar_probability=_share(grammar, token),
        total_variation=round(total_variation(dict(enumerate(probabilities)), grammar), DIGITS) if grammar else None,
        corpus_total_variation=round(total_variation(corpus, grammar), DIGITS) if grammar and corpus else None,
        alternatives=[
            Alternative(
                id=one,
                word=word_of(one),
                model_probability=round(probabilities[one], DIGITS),
                corpus_frequency=_share(corpus, one),
                grammar_probability=_share(grammar, one),
            )
            for one in best
        ],
    )


def _share(shares: dict[int, float], token: int) -> float | None:
    return round(shares.get(token, 0.0), DIGITS) if shares else None
