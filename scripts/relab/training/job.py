"""A training job: a corpus as token ids and their tokenizer in, a model directory out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import Field
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab import gpt
from relab.characters import FILES as TOKENIZER_FILES
from relab.checkpoints import load_tokenizer
from relab.device import peak_gpu_memory
from relab.encoding import continuation, encode, opening_tokens
from relab.errors import UserError
from relab.sampling import sample, text_seed
from relab.settings.base import Int
from relab.settings.models import TrainedModel, Training
from relab.settings.samplings import Decoding
from relab.tokens.sizes import TextBytes
from relab.tokens.store import Tokens
from relab.training import history, losses
from relab.training.batches import (
    Documents,
    RandomBlocks,
    RandomExamples,
    evenly_spread_blocks,
    evenly_spread_examples,
    open_stream,
)
from relab.training.loop import Trainer
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State, raising_os_errors

log = logging.getLogger("relab.training")


class Job(TrainedModel):
    """The settings of a training job: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


@dataclass(frozen=True)
class InitialModel:
    """A model before its training.

    Attributes:
        model: the model, on the device where it is trained; parameters that need no gradient are not trained.
        tokenizer: tokenizer directory.
        block: input tokens at most.
        save: writes the model's files into a directory, and the tokenizer's too where its directory is passed.
        metadata: entries of the job's record.
    """

    model: PreTrainedModel
    tokenizer: Path
    block: int
    save: Callable[[Path | None, Path], object]
    metadata: dict[str, Any] = field(default_factory=dict)


def files(model_files: Sequence[str], samples: bool = True) -> tuple[str, ...]:
    """The files that training writes into the model directory of a model of these files, with or without sampled texts."""
    last = (f"last/{name}" for name in model_files)
    return (*model_files, *TOKENIZER_FILES, *last, *history.FILES, losses.FILE_NAME, *([history.SAMPLES] if samples else []))


class Settings(Protocol):
    """The settings that every training job has."""

    seed: int
    training: Training


def from_scratch(job: Job, tokenizer: Path, device: torch.device) -> InitialModel:
    """A model with random weights, drawn from torch's global random state seeded with the model's seed."""
    size = len(load_tokenizer(tokenizer))
    torch.manual_seed(job.seed)
    model = gpt.build(job.architecture, size).to(device)
    return InitialModel(model, tokenizer, job.architecture.block, partial(gpt.save, model))


def train(job: Settings, start: InitialModel, *, train: Path, validation: Path, device: torch.device, code: str, state: State,
          stop: StopSignal, processes: Processes = ALONE) -> Trainer:  # fmt: skip
    """Train a language model on a corpus, from its last checkpoint in ``state`` where there is one.

    Dropout is drawn from torch's global random state, which the construction of ``start`` has seeded; blocks and sampled texts
    are drawn from generators of their own, keyed by the seed and the step.

    Args:
        job: the settings.
        start: the initial model.
        train, validation: the splits of the corpus as token ids.
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: notes a signal that asks to stop.
        processes: the processes that train the model together.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; a corpus shorter than a block, or without a document of two
            tokens where documents are read; a checkpoint of other trained weights.
    """
    tokenizer = load_tokenizer(start.tokenizer)
    splits = {"train": train, "validation": validation}
    data = _training_data(job, start.block, tokenizer, splits, device, processes)
    sampler = _sampler(job, start.model, tokenizer) if job.training.samples else None
    objective = NextToken(data, batch_unit=job.training.reading)
    trainer = Trainer(start.model, objective, job.training, sampler=sampler, device=device, processes=processes)
    run(trainer, state, stop, code)
    return trainer


def run(trainer: Trainer, state: State, stop: StopSignal, code: str) -> None:
    """Run a training to its end, from its last checkpoint in ``state`` where there is one.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; a checkpoint of other trained weights.
    """
    processes = trainer.processes
    processes.draw_apart()
    checkpoint = processes.first_of_all(state.load)  # it removes what is damaged
    if checkpoint:
        with _advising_deletion(state.folder):
            trainer.restore(*checkpoint)
    step, device = trainer.progress.step, trainer.device.type
    trainer.progress.attempts.append({"attempt": state.attempt, "from_step": step, "device": device, "code": code})
    log.info(
        "attempt %d: %s step %d of %d, %s, %s",
        state.attempt, "goes on from" if checkpoint else "starts at", step, trainer.settings.steps, _sizes(trainer.model),
        device if processes.count == 1 else f"{processes.count} processes on {device}",
    )  # fmt: skip
    trainer.run(state, stop)
    trainer.gather()


def _sizes(model: torch.nn.Module) -> str:
    total, trained = gpt.parameter_count(model), gpt.parameter_count(model, trained=True)
    return f"{total} parameters" if trained == total else f"{trained} of {total} parameters"


@contextmanager
def _advising_deletion(folder: Path) -> Iterator[None]:
    """Add to an error that the state folder may be deleted."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{folder}: {error}; delete the folder to start anew") from None


@dataclass(frozen=True)
class TrainedLanguageModel:
    """A language model (or an encoder–decoder) behind its training, with or without a file of texts sampled on the way."""

    start: InitialModel
    trainer: Trainer
    samples: bool = True

    def write(self, directory: Path) -> None:
        """Write a model directory: the best or the last weights, the last ones under ``last/`` too, history and losses."""
        with raising_os_errors(directory):
            self.start.save(None, directory / "last")
            if self.trainer.settings.keep == "best":
                self.trainer.load_best()
            self.start.save(self.start.tokenizer, directory)
        progress, objective = self.trainer.progress, self.trainer.objective
        history.write_history(
            directory, progress.history, progress.speed, progress.sampling, objective.columns, objective.item_name
        )
        if self.samples:
            history.write_samples(directory, progress.samples)
        losses.write_losses(directory / losses.FILE_NAME, (losses.Losses(**evaluation) for evaluation in progress.losses))

    def summary(self) -> dict[str, Any]:
        """Entries of the job's record."""
        return {**self.start.metadata, **training_summary(self.trainer)}


def training_summary(trainer: Trainer) -> dict[str, Any]:
    """Entries of the job's record: parameters, best and last step, and which attempt ran which steps with which code."""
    metadata: dict[str, Any] = {"parameters": gpt.parameter_count(trainer.model), "best_step": trainer.best_row()["step"]}
    metadata["trained_parameters"] = gpt.parameter_count(trainer.model, trained=True)
    metadata |= {"last_step": trainer.progress.step, "precision": trainer.precision}
    if trainer.processes.count > 1:
        metadata["processes"] = trainer.processes.count
    return {**metadata, **peak_gpu_memory(trainer.device), "segments": trainer.progress.attempts}


def _training_data(
    job: Settings, block: int, tokenizer: PreTrainedTokenizerBase, paths: dict[str, Path], device: torch.device,
    processes: Processes,
) -> TrainingData:  # fmt: skip
    """The batches of a corpus's splits ``train`` and ``validation``: blocks of its stream, or its documents."""
    training = job.training
    shared, count = {"batch": training.batch, "device": device}, training.evaluation.blocks
    draws = {"seed": job.seed, "accumulation": training.accumulation, "replacement": training.replacement}
    if training.reading == "documents":
        tokens = {split: Tokens(path) for split, path in paths.items()}
        documents = {split: Documents.from_tokens(split_tokens, block) for split, split_tokens in tokens.items()}
        for split, examples in documents.items():
            if examples.skipped:
                log.info("%s: %d documents of fewer than two tokens are left out", paths[split], examples.skipped)
        batches = RandomExamples(documents["train"], **shared, **draws, processes=processes)
        evaluated = {split: partial(evenly_spread_examples, documents[split], count=count, **shared) for split in paths}
    else:
        key = "architecture.block" if hasattr(job, "architecture") else "block"
        tokens = {split: open_stream(path, block, key) for split, path in paths.items()}
        batches = RandomBlocks(tokens["train"], block=block, **shared, **draws, processes=processes)
        evaluated = {split: partial(evenly_spread_blocks, tokens[split], block=block, count=count, **shared) for split in paths}
    return TrainingData(batches, evaluated["validation"](), evaluated["train"], TextBytes.of(tokenizer, tokens, device))


def _sampler(
    job: Settings, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> Callable[[int], list[dict[str, Any]]]:
    """A function that samples texts at a step, each with the seed ``text_seed(seed of the model, step, index of the text)``."""
    settings = job.training.samples
    prompt = [*opening_tokens(tokenizer), *encode(tokenizer, settings.prompt, "training.samples.prompt").tolist()]
    decoding_settings = settings.model_dump(mode="json", include={"length", "temperature", "top_k"})
    decoding = Decoding(do_sample=True, temperature=settings.temperature, top_k=settings.top_k)

    def texts(step: int) -> list[dict[str, Any]]:
        seeds = [text_seed(job.seed, step, index) for index in range(settings.number)]
        generations = sample(model, [prompt] * settings.number, length=settings.length, seeds=seeds, decoding=decoding)
        return [
            {
                "step": step,
                "index": index,
                "prompt": settings.prompt,
                "text": continuation(tokenizer, settings.prompt, prompt, generation.token_ids, special_tokens=True),
                "settings": decoding_settings,
                "seed": seed,
                "token_ids": generation.token_ids,
                "token_logprobs": [round(logprob, 6) for logprob in generation.logprobs],
            }
            for index, (seed, generation) in enumerate(zip(seeds, generations, strict=True))
        ]

    return texts
