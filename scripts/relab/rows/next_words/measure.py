"""The step that follows models word by word, their probabilities beside those of the corpus and of the grammar.

Each prompt whose words are shown is continued greedily and by drawing at its temperature, each prompt whose most probable
tokens are shown greedily. Beside the probability of each word stand those of the training text and of the grammar after the
very same words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from pydantic import BaseModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab import json_lines, precision
from relab.checkpoints import load_model, load_tokenizer
from relab.device import device_name, pick_device, prepare_device
from relab.encoding import continuation, encode
from relab.errors import UserError
from relab.networks import context_length
from relab.rows.job import Job
from relab.rows.next_words.names import Alternatives, Words
from relab.rows.next_words.traces import ALTERNATIVES, DRAWN, GREEDY, WORDS, Alternative, Step, Text
from relab.rows.shared.sentences import Sentences
from relab.sampling import sample, text_seed
from relab.sampling.streams import prompt_key
from relab.scoring import next_token_logprobs
from relab.settings.base import Precision
from relab.settings.corpora import GrammarReader
from relab.settings.samplings import Decoding

#: Decimals of probabilities in a trace.
DIGITS = 6


class MeasureSpec(BaseModel):
    """Settings of the job. The ``models`` have their seeds, which are those of what is drawn too; ``length`` is in tokens."""

    models: dict[str, int]
    words: list[Words]
    alternatives: Alternatives
    length: int
    reader: GrammarReader
    precision: Precision
    threads: int


@dataclass(frozen=True)
class TracedModel:
    """What is followed: a model in evaluation mode with its name and seed, its tokenizer, the sentences it was trained on."""

    name: str
    seed: int
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sentences: Sentences


@dataclass(frozen=True)
class Request:
    """A text to generate, and what the trace says of it."""

    table: str
    prompt: str
    prompt_ids: list[int]
    temperature: float
    method: str

    @property
    def decoding(self) -> Decoding:
        return Decoding(do_sample=self.method == DRAWN, temperature=self.temperature)


def measure(job: Job) -> None:
    """The step ``measure``: writes the texts of one model after the other, which share their tokenizer."""
    spec = job.settings(MeasureSpec)
    device = pick_device()
    prepare_device(device, spec.threads)
    folders = {model: path.parent for model, path in job.by_name("weights", spec.models).items()}
    tokenizer = load_tokenizer(next(iter(folders.values())))
    sentences = Sentences.read(spec.reader, job.file("train"), tokenizer)
    texts: list[Text] = []
    precisions: list[str] = []
    for name, seed in spec.models.items():
        model = load_model(folders[name], device, spec.precision)
        precisions.append(precision.used(model))
        texts += trace(spec, TracedModel(name, seed, model, tokenizer, sentences))
    json_lines.write(job.outputs["traces"], texts)
    job.record |= {"device": device_name(device), "precision": precision.joined(precisions), "seed": list(spec.models.values())}


def trace(spec: MeasureSpec, traced: TracedModel) -> Iterator[Text]:
    """The texts of a model, in the order of the settings: those whose words are shown, each greedy and drawn, then the others.

    A drawn text depends on the seed, its prompt and its temperature alone.

    Raises:
        UserError: a prompt and its text that do not fit the model's context.
    """
    requests = _requests(spec, traced)
    prompts = [request.prompt_ids for request in requests]
    common = {"length": spec.length, "seeds": [text_seed(traced.seed, prompt_key(ids), 0) for ids in prompts]}
    texts = sample(traced.model, prompts, decoding=[request.decoding for request in requests], **common)
    greedy = sample(traced.model, prompts, decoding=Decoding(), **common)
    for request, text, untempered in zip(requests, texts, greedy, strict=True):
        number = spec.alternatives.number if request.table == ALTERNATIVES else 0
        yield Text(
            **vars(request),
            model=traced.name,
            seed=traced.seed,
            greedy_ids=untempered.token_ids,
            steps=list(_steps(request, text.token_ids, number, traced)),
        )


def _requests(spec: MeasureSpec, traced: TracedModel) -> list[Request]:
    window = context_length(traced.model)

    def ids(prompt: str, key: str) -> list[int]:
        encoded = encode(traced.tokenizer, prompt, key).tolist()
        if len(encoded) + spec.length - 1 > window:
            raise UserError(
                f"{key}: a prompt of {len(encoded)} tokens and {spec.length} more (length) do not fit the context of {window} "
                f"tokens of {traced.name}"
            )
        return encoded

    words = [
        Request(WORDS, shown.prompt, ids(shown.prompt, f"words.{index}.prompt"), shown.temperature, method)
        for index, shown in enumerate(spec.words)
        for method in (GREEDY, DRAWN)
    ]
    alternatives = [
        Request(ALTERNATIVES, prompt, ids(prompt, f"alternatives.prompts.{index}"), 1.0, GREEDY)
        for index, prompt in enumerate(spec.alternatives.prompts)
    ]
    return words + alternatives


def _steps(request: Request, token_ids: Sequence[int], number: int, traced: TracedModel) -> Iterator[Step]:
    text = [*request.prompt_ids, *token_ids]
    logprobs = next_token_logprobs(traced.model, text[:-1])[len(request.prompt_ids) - 1 :]
    tempered = (logprobs / request.temperature).log_softmax(-1)
    for index, token in enumerate(token_ids):
        beginning = text[: len(request.prompt_ids) + index]
        word_of = partial(_word, traced.tokenizer, "" if index else request.prompt, beginning)
        yield _step(beginning, token, logprobs[index], tempered[index], number, traced.sentences, word_of)


def _word(tokenizer: PreTrainedTokenizerBase, prompt: str, beginning: Sequence[int], token: int) -> str:
    """A token as text behind a beginning, which is a prompt or goes on from one that ended before."""
    return continuation(tokenizer, prompt, beginning, [token], special_tokens=True)


def _step(
    beginning: Sequence[int],
    token: int,
    logprobs: torch.Tensor,
    tempered: torch.Tensor,
    number: int,
    sentences: Sentences,
    word_of: Callable[[int], str],
) -> Step:
    """A step from the model's log-probabilities ``[vocabulary]`` at temperature 1 and at that of the text."""
    grammar, corpus = sentences.grammar.after(beginning), sentences.corpus.after(beginning)
    probabilities = logprobs.exp().tolist()
    best = logprobs.topk(min(number, len(logprobs))).indices.tolist()
    return Step(
        id=token,
        word=word_of(token),
        probability=round(float(tempered[token].exp()), DIGITS),
        model_probability=round(probabilities[token], DIGITS),
        sentences=int(sentences.corpus.weight(beginning)),
        grammar_probability=_share(grammar, token),
        total_variation=round(total_variation(dict(enumerate(probabilities)), grammar), DIGITS) if grammar else None,
        corpus_total_variation=round(total_variation(corpus, grammar), DIGITS) if grammar and corpus else None,
        alternatives=[
            Alternative(
                id=token_id,
                word=word_of(token_id),
                model_probability=round(probabilities[token_id], DIGITS),
                corpus_frequency=_share(corpus, token_id),
                grammar_probability=_share(grammar, token_id),
            )
            for token_id in best
        ],
    )


def total_variation(p: Mapping[int, float], q: Mapping[int, float]) -> float:
    """Total-variation distance of two distributions, 0 to 1: the most by which they differ on any set of tokens."""
    return math.fsum(abs(p.get(token, 0) - q.get(token, 0)) for token in {**p, **q}) / 2


def _share(shares: dict[int, float], token: int) -> float | None:
    return round(shares.get(token, 0.0), DIGITS) if shares else None
