"""Training on pairs of a source and its target: their token ids, and the objective of the model that learns from them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from relab import encoder_decoders, gpt
from relab.checkpoints import load_tokenizer
from relab.encoded_sources import is_encoder_decoder
from relab.errors import UserError
from relab.sampling.prompts import LanguageModel, ModelInput, target_behind
from relab.settings.asking import Asking
from relab.settings.base import Int
from relab.settings.pair_models import PairsTraining, TrainedOnPairs
from relab.training.batches import PromptTargets, RandomExamples, evenly_spread_examples
from relab.training.finetuning import Finetuning
from relab.training.job import InitialModel, run
from relab.training.loop import Trainer
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.objectives.objective import Objective
from relab.training.objectives.sequence_to_sequence import Pairs, SequenceToSequence
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State

log = logging.getLogger("relab.training")


class FromScratch(TrainedOnPairs):
    """The settings of a job that trains an encoder–decoder from random weights."""

    threads: Int = Field(description="Compute threads.", ge=1)


def from_scratch(job: FromScratch, tokenizer: Path, device: torch.device) -> InitialModel:
    """An encoder–decoder with random weights, drawn from torch's global random state seeded with the model's seed.

    Raises:
        UserError: a tokenizer without a token that ends a text.
    """
    torch.manual_seed(job.seed)
    longest = max(job.source_tokens, job.target_tokens)
    model = encoder_decoders.build(job.architecture, load_tokenizer(tokenizer), longest).to(device)
    return InitialModel(model, tokenizer, job.target_tokens, partial(gpt.save, model))


def train(
    job: FromScratch | Finetuning, start: InitialModel, *, train: Path, validation: Path, device: torch.device, code: str,
    state: State, stop: StopSignal, processes: Processes = ALONE,
) -> Trainer:  # fmt: skip
    """Train a model on pairs, from its last checkpoint in ``state`` where there is one.

    Args:
        job: the settings.
        start: the initial model, which is an encoder–decoder or a language model.
        train, validation: the splits of the data set (Parquet).
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: notes a signal that asks to stop.
        processes: the processes that train the model together.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; an empty side, label smoothing of a language model.
    """
    tokenizer = load_tokenizer(start.tokenizer)
    paths = {"train": train, "validation": validation}
    splits = {split: _EncodedPairs(path, job, LanguageModel(start.model, tokenizer)) for split, path in paths.items()}
    for split, pairs in splits.items():
        if pairs.cut:
            log.info("%s: of %d pairs %d have a side that was cut", split, len(pairs.sources), pairs.cut)
    make_objective = _sequence_to_sequence if is_encoder_decoder(start.model) else _next_token
    objective = make_objective(job, splits, tokenizer, device, processes)
    trainer = Trainer(start.model, objective, job.training, device=device, processes=processes)
    run(trainer, state, stop, code)
    return trainer


class _EncodedPairs:
    """The pairs of a split as token ids, and how many have a side that was ``cut``."""

    def __init__(self, path: Path, job: FromScratch | Finetuning, lm: LanguageModel):
        rows = pyarrow.parquet.read_table(path, columns=["source", "target"]).to_pylist()
        asking = job if isinstance(job, Asking) else Asking()
        pairs = [_encode_pair(lm, asking, row, f"{path}, row {number}") for number, row in enumerate(rows)]
        self.sources = [cut_prompt(read.token_ids, job.source_tokens, lm) for read, _ in pairs]
        self.targets = [target[: job.target_tokens] for _, target in pairs]
        self.cut = sum(
            read.cut > 0 or len(read.token_ids) > job.source_tokens or len(target) > job.target_tokens for read, target in pairs
        )


def _encode_pair(lm: LanguageModel, asking: Asking, row: dict[str, str], name: str) -> tuple[ModelInput, list[int]]:
    """A source as the model reads it, and the token ids of its target, which ends with the end token.

    A language model's target continues what it reads (:func:`relab.sampling.prompts.target_behind`).
    """
    read = lm.ask(row["source"], asking, name, "model")
    if is_encoder_decoder(lm.model):
        return read, ended(lm.tokenizer(text_target=row["target"], verbose=False)["input_ids"], lm.tokenizer)
    text = row["source"] if read.asked is None else read.asked
    return read, ended(target_behind(lm.tokenizer, text, asking.chat, row["target"], name), lm.tokenizer)


def cut_prompt(source: Sequence[int], most: int, lm: LanguageModel) -> Sequence[int]:
    """At most so many tokens: of a prompt the last ones, which ask; of an encoder's source the first ones and its end."""
    if len(source) <= most:
        return source
    return [*source[: most - 1], source[-1]] if is_encoder_decoder(lm.model) else source[-most:]


def ended(target: list[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """A target with the token that ends a text behind it, once.

    Raises:
        UserError: the tokenizer has no such token.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise UserError("tokenizer: expected one with a token that ends a text (eos_token), found none: no target would end")
    return target if target[-1:] == [end] else [*target, end]


def _sequence_to_sequence(
    job: FromScratch | Finetuning, splits: dict[str, _EncodedPairs], tokenizer: PreTrainedTokenizerBase, device: torch.device,
    processes: Processes,
) -> Objective:  # fmt: skip
    training = job.training
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    pairs = [Pairs(split.sources, split.targets) for split in splits.values()]
    return SequenceToSequence(
        *pairs, smoothing=training.smoothing, evaluated=training.evaluation.pairs, **_draws(training, job.seed),
        pad=pad, device=device, processes=processes,
    )  # fmt: skip


def _next_token(
    job: FromScratch | Finetuning, splits: dict[str, _EncodedPairs], tokenizer: PreTrainedTokenizerBase, device: torch.device,
    processes: Processes,
) -> Objective:  # fmt: skip
    training = job.training
    if training.smoothing:
        raise UserError(f"training.smoothing: of encoder–decoders alone; expected 0, found {training.smoothing}")
    block = job.source_tokens + job.target_tokens - 1
    examples = {split: PromptTargets(pairs.sources, pairs.targets, block) for split, pairs in splits.items()}
    batches = RandomExamples(
        examples["train"], **_draws(training, job.seed), device=device, by_length=True, processes=processes
    )
    count = training.evaluation.pairs or len(examples["validation"])
    evaluated = evenly_spread_examples(examples["validation"], count=count, batch=training.batch, device=device)
    return NextToken(TrainingData(batches, evaluated), batch_unit="pairs")


def _draws(training: PairsTraining, seed: int) -> dict[str, Any]:
    return {"batch": training.batch, "accumulation": training.accumulation, "seed": seed}
