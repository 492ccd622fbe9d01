"""Statements about a small GPT, each checked on the data, the code and a model of this run.

They are the answers to the questions of the assignment on minGPT as its write-up gives them, wrong ones too. Where ours is
another model than the write-up's (Karpathy's minGPT as changed for the course), an answer that does not hold here is not
thereby wrong there: what was measured says what is here. The trained model shows how it computes and chooses; a model with
fresh weights shows where its weights start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel, PreTrainedTokenizerBase

from relab import gpt
from relab.checkpoints import load_model, load_tokenizer
from relab.corpora.storage import documents
from relab.device import prepare_device
from relab.encoding import encode
from relab.rows.job import MAIN, Job
from relab.sampling import sample
from relab.scores import Row, exact
from relab.scoring import next_token_logprobs
from relab.settings.models import Architecture
from relab.settings.samplings import Decoding
from relab.training.batches import IGNORED, PADDING, Documents, collate

SPLIT = "model"

#: The assignment's example.
EXAMPLE = "I rub the dog"

#: Standard deviation of initial weights that the statements name, and how many standard errors a moment may be off.
DEVIATION, ERRORS = 0.02, 4

#: Largest difference, relative to the largest number, between two ways to compute the same thing in float32.
ROUNDING = 1e-5

#: Sentences that are continued, and by how many tokens, to see how the next token is chosen by default.
CONTINUED, LENGTH = 20, 5


@dataclass(frozen=True)
class Subject:
    """What statements are checked on: training examples, their batches, the trained model, one with fresh weights."""

    ids: Sequence[Sequence[int]]
    documents: Documents
    tokenizer: PreTrainedTokenizerBase
    model: GPT2LMHeadModel
    fresh: GPT2LMHeadModel

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        seed: int,
        texts: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        model: GPT2LMHeadModel,
    ) -> Subject:
        """``model`` is the trained model in evaluation mode, ``texts`` are the sentences that it read; ``seed`` is that of the
        fresh weights."""
        encoded = {text: encode(tokenizer, text, "the training text").tolist() for text in dict.fromkeys(texts)}
        ids = [encoded[text] for text in texts]
        documents = Documents(ids.__getitem__, list(map(len, ids)), architecture.block)
        torch.manual_seed(seed)
        fresh = gpt.build(architecture, len(tokenizer))
        return cls(ids, documents, tokenizer, model, fresh)


@dataclass(frozen=True)
class Finding:
    """What was measured, in words, and whether the statement holds."""

    measured: str
    holds: bool


@dataclass(frozen=True)
class Fact:
    """A statement: the number of its question, a short id, what it says, and how that is checked."""

    question: int
    id: str
    statement: str
    expected: str
    check: Callable[[Subject], Finding]


def check(job: Job) -> dict[str, Any]:
    """The step ``check``, on a CPU and with one thread: the same checks to the same precision everywhere."""
    architecture, seed = Architecture(**job.spec["architecture"]), job.spec["seed"]
    device = torch.device("cpu")
    prepare_device(device, threads=1)
    directory, texts = job.file("weights").parent, list(documents(job.file("train")))
    subject = Subject.of(architecture, seed, texts, load_tokenizer(directory), load_model(directory, device))
    findings = check_all(subject)
    job.record["seed"] = seed
    return {"scores": facts_scores(job.spec["experiment"], findings), MAIN: facts_table(findings)}


def _base_class(subject: Subject) -> Finding:
    bases = [f"{base.__module__}.{base.__qualname__}" for base in type(subject.documents).__bases__]
    measured = f"{type(subject.documents).__name__} inherits from {', '.join(bases)}"
    return Finding(measured, isinstance(subject.documents, Dataset))


def _padded_batch(subject: Subject) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The longest example in one batch with its first token alone: inputs, targets, and where they are padded."""
    x, y = subject.documents[int(np.argmax(subject.documents.targets))]
    inputs, targets = collate([(x[:1], y[:1]), (x, y)])
    return inputs, targets, torch.arange(inputs.shape[1]) >= torch.tensor([[1], [len(x)]])


def _padding(name: str, values: Callable[[Subject], torch.Tensor]) -> Callable[[Subject], Finding]:
    def check(subject: Subject) -> Finding:
        padding = _padded_batch(subject)[2]
        fillers = sorted(set(values(subject)[padding].tolist()))
        shape = " x ".join(map(str, padding.shape))
        note = f" ({IGNORED} counts in no loss)" if IGNORED in fillers else ""
        return Finding(f"{name} {shape}, padded with {_joined(fillers)}{note}", fillers == [PADDING] == [1])

    return check


def _shifted_targets(by: int) -> Callable[[Subject], Finding]:
    """Whether the targets are the inputs moved to the left (-1) or to the right (1), in every example."""

    def check(subject: Subject) -> Finding:
        examples = [(x, y) for x, y in _examples(subject) if len(x) > 1]
        left = sum(bool(torch.equal(y[:-1], x[1:])) for x, y in examples)
        right = sum(bool(torch.equal(y[1:], x[:-1])) for x, y in examples)
        measured = f"moved to the left in {left:,} of {len(examples):,} examples, to the right in {right:,}"
        return Finding(measured, (left if by < 0 else right) == len(examples))

    return check


def _next_token(subject: Subject) -> Finding:
    pairs = zip(_example_ids(subject), _examples(subject), strict=True)
    right, number = sum(y.tolist() == list(ids[1 : len(y) + 1]) for ids, (_, y) in pairs), len(subject.documents)
    return Finding(f"the next token in {right:,} of {number:,} examples", right == number)


def _example_count(subject: Subject) -> Finding:
    counts = [(len(ids), len(y)) for ids, (_, y) in zip(_example_ids(subject), _examples(subject), strict=True)]
    right = sum(targets == tokens - 1 for tokens, targets in counts)
    example = len(encode(subject.tokenizer, EXAMPLE, "the write-up's example"))
    measured = f"n - 1 in {right:,} of {len(counts):,} sentences; {EXAMPLE!r} has {example} tokens: {example - 1}"
    return Finding(measured, right == len(counts))


def _example_ids(subject: Subject) -> list[Sequence[int]]:
    """The sentences that are examples: those of two tokens at least."""
    return [ids for ids in subject.ids if len(ids) > 1]


def _examples(subject: Subject) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return (subject.documents[index] for index in range(len(subject.documents)))


def _greedy(subject: Subject) -> Finding:
    prompts = [list(ids[:2]) for ids in list({tuple(ids[:2]): ids for ids in _example_ids(subject)}.values())[:CONTINUED]]
    length = min(LENGTH, subject.model.config.n_positions - 1)  # the two tokens of a prompt and all but the last fit
    texts = sample(subject.model, prompts, length=length, seeds=range(len(prompts)), decoding=Decoding())
    taken = sum(_most_probable(subject.model, prompt, text.token_ids) for prompt, text in zip(prompts, texts, strict=True))
    number = sum(len(text.token_ids) for text in texts)
    return Finding(f"the most probable token at {taken} of {number} steps", taken == number)


def _most_probable(model: GPT2LMHeadModel, prompt: Sequence[int], token_ids: Sequence[int]) -> int:
    """At how many steps the token is the most probable one, up to rounding."""
    logprobs = next_token_logprobs(model, [*prompt, *token_ids[:-1]])[len(prompt) - 1 :]
    chosen = logprobs.gather(-1, torch.tensor(token_ids, device=logprobs.device)[:, None])[:, 0]
    return int((chosen >= logprobs.amax(-1) - ROUNDING).sum())


def _head(head: nn.Linear, name: str, bias: bool) -> Finding:
    measured = f"{name}: {head.in_features} to {head.out_features}, {'without' if head.bias is None else 'with'} bias"
    return Finding(measured, (head.bias is not None) == bias)


def _language_head(subject: Subject) -> Finding:
    return _head(subject.model.lm_head, "GPT2LMHeadModel.lm_head", bias=False)


def _classifier_head(subject: Subject) -> Finding:
    with torch.device("meta"):  # the shape alone is of interest
        classifier = GPT2ForSequenceClassification(subject.model.config)
    return _head(classifier.score, "GPT2ForSequenceClassification.score", bias=True)


def _initial_weights(embedding: Callable[[GPT2LMHeadModel], nn.Embedding]) -> Callable[[Subject], Finding]:
    """Whether fresh weights are from N(0, 0.02): mean, standard deviation and excess kurtosis (0 for a normal distribution).

    Each may be :data:`ERRORS` standard errors off, which are those of a normal sample of that size.
    """

    def check(subject: Subject) -> Finding:
        weights = embedding(subject.fresh).weight.detach().double().flatten().numpy() / DEVIATION
        n, centred = len(weights), weights - weights.mean()
        kurtosis = (centred**4).mean() / (centred**2).mean() ** 2 - 3
        off = (weights.mean() * n**0.5, (weights.std() - 1) * (2 * n) ** 0.5, kurtosis * (n / 24) ** 0.5)
        moments = f"mean {DEVIATION * weights.mean():.5f}, standard deviation {DEVIATION * weights.std():.5f}"
        return Finding(f"{moments}, excess kurtosis {kurtosis:z.3f} over {n:,} weights", bool(max(map(abs, off)) <= ERRORS))

    return check


def _position_embeddings(subject: Subject) -> Finding:
    names = [name for name, module in subject.model.named_modules() if isinstance(module, nn.Embedding)]
    window, width = subject.model.config.n_positions, subject.model.config.n_embd
    fitting = [name for name in names if name.rpartition(".")[2] == "wpe"]
    shapes = [tuple(subject.model.get_submodule(name).weight.shape) for name in fitting]
    return Finding(f"embeddings: {', '.join(names)}; wpe is {_joined(shapes)}", shapes == [(window, width)])


@torch.inference_mode()
def _skip_connections(subject: Subject) -> Finding:
    """Recompute every block as the statement has it, on a training sentence."""
    model = subject.model.transformer
    ids = torch.tensor([max(_example_ids(subject), key=len)[: subject.model.config.n_positions]], device=subject.model.device)
    x = model.wte(ids) + model.wpe(torch.arange(ids.shape[1], device=ids.device))
    largest = 0.0
    for block in model.h:
        output = block(x)
        output = output[0] if isinstance(output, tuple) else output
        expected = x + block.attn(block.ln_1(x))[0]
        expected = expected + block.mlp(block.ln_2(expected))
        largest = max(largest, float((output - expected).abs().max() / output.abs().max()))
        x = output
    measured = f"{len(model.h)} blocks recomputed so, largest relative difference {_error_bound(largest)}"
    return Finding(measured, largest <= ROUNDING)


def _error_bound(value: float) -> str:
    """A rounding error by its bound alone: its digits depend on the machine."""
    return f"below {10.0 ** math.ceil(math.log10(max(value, ROUNDING / 10))):.0e}"


def _joined(values: Sequence[Any]) -> str:
    return " and ".join(map(str, values)) or "nothing"


FACTS = (
    Fact(1, "dataset", "The class of the data inherits from PyTorch's Dataset", "Dataset", _base_class),
    Fact(2, "padded inputs", "The collate function pads inputs with ones", "1",
         _padding("inputs", lambda subject: _padded_batch(subject)[0])),
    Fact(2, "padded targets", "It pads targets with ones", "1", _padding("targets", lambda subject: _padded_batch(subject)[1])),
    Fact(3, "next token", "The model is trained to predict the next token", "every target", _next_token),
    Fact(3, "moved right", "Targets are the inputs moved by one to the right", "to the right", _shifted_targets(1)),
    Fact(3, "moved left", "What the write-up's example shows: moved to the left", "to the left", _shifted_targets(-1)),
    Fact(4, "examples", "A sentence of n tokens makes n - 1 training examples", "n - 1", _example_count),
    Fact(5, "greedy", "By default the most probable token is chosen", "every step", _greedy),
    Fact(6, "language head", "The head of the language model has no bias", "without bias", _language_head),
    Fact(6, "classifier head", "The head of the classifier has a bias", "with bias", _classifier_head),
    Fact(7, "word embeddings", "Word embeddings start from N(0, 0.02)", "N(0, 0.02)",
         _initial_weights(lambda model: model.transformer.wte)),
    Fact(8, "positions", "The object with the positional embeddings is wpe", "wpe", _position_embeddings),
    Fact(9, "position embeddings", "Positional embeddings start from N(0, 0.02)", "N(0, 0.02)",
         _initial_weights(lambda model: model.transformer.wpe)),
    Fact(10, "skip connections", "Blocks are x + attn(ln_1(x)), then x + mlp(ln_2(x))", "both", _skip_connections),
)  # fmt: skip


def check_all(subject: Subject) -> list[tuple[Fact, Finding]]:
    """Every fact with what was measured."""
    return [(fact, fact.check(subject)) for fact in FACTS]


def facts_table(findings: Sequence[tuple[Fact, Finding]]) -> pd.DataFrame:
    """A statement a row; columns ``question, statement, expected, measured, holds`` (yes or no)."""
    rows = [
        (fact.question, fact.statement, fact.expected, finding.measured, "yes" if finding.holds else "no")
        for fact, finding in findings
    ]
    return pd.DataFrame(rows, columns=["question", "statement", "expected", "measured", "holds"])


def facts_scores(experiment: str, findings: Sequence[tuple[Fact, Finding]]) -> list[Row]:
    """For each statement 1 where it holds, else 0, by its id."""
    return [exact(experiment, 0, SPLIT, fact.id, float(finding.holds)) for fact, finding in findings]
