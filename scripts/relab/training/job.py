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
from relab.encoding import continuation, encode, opening
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
    RandomDocuments,
    evenly_spread,
    evenly_spread_documents,
    read,
)
from relab.training.loop import Data, Trainer
from relab.training.signals import Stop
from relab.training.state import State, system_errors

log = logging.getLogger("relab.training")


class Job(TrainedModel):
    """The settings of a training job: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


@dataclass(frozen=True)
class Start:
    """What training starts from.

    Attributes:
        model: the model, on the device where it is trained; parameters that need no gradient are not trained.
        tokenizer: tokenizer directory.
        block: tokens that it reads at most.
        save: writes the files that hold the model into a directory, with those of the tokenizer where its directory is given.
        saved: the names of the files that hold the model.
        told: what the record says of it.
    """

    model: PreTrainedModel
    tokenizer: Path
    block: int
    save: Callable[[Path | None, Path], object]
    saved: Sequence[str] = gpt.FILES
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the model directory that training writes."""
        return (*self.saved, *TOKENIZER_FILES, *(f"last/{name}" for name in self.saved), *history.FILES, losses.FILE)


class Settings(Protocol):
    """The settings that every training job has."""

    seed: int
    training: Training


def fresh(job: Job, tokenizer: Path, device: torch.device) -> Start:
    """A model with random weights, drawn from torch's global random state seeded with the model's seed."""
    size = len(load_tokenizer(tokenizer))
    torch.manual_seed(job.seed)
    model = gpt.build(job.architecture, size).to(device)
    return Start(model, tokenizer, job.architecture.block, partial(gpt.save, model))


def train(job: Settings, start: Start, *, train: Path, validation: Path, device: torch.device, code: str, state: State,
          stop: Stop) -> Trainer:  # fmt: skip
    """Train a model on a corpus, from its last checkpoint in ``state`` where there is one.

    Dropout is drawn from torch's global random state, as ``start`` left it; blocks and sampled texts are drawn from generators
    of their own keyed by the seed and the step.

    Args:
        job: the settings.
        start: what it starts from.
        train, validation: the splits of the corpus as token ids.
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: tells when a signal asks to stop.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; a corpus shorter than a block, or without a document of two
            tokens where documents are read; a checkpoint of other trained weights.
    """
    tokenizer = load_tokenizer(start.tokenizer)
    make_data = _documents if job.training.reading == "documents" else _blocks
    data = make_data(job, start.block, tokenizer, train, validation, device)
    sampler = _sampler(job, start.model, tokenizer) if job.training.samples else None
    trainer = Trainer(start.model, data, job.training, sampler=sampler, device=device)
    found = state.load()
    if found:
        with _told_of(state.folder):
            trainer.restore(*found)
    step = trainer.progress.step
    trainer.progress.attempts.append({"attempt": state.attempt, "from_step": step, "device": device.type, "code": code})
    log.info(
        "attempt %d: %s step %d of %d, %s, %s",
        state.attempt, "goes on from" if found else "starts at", step, job.training.steps, _sizes(start.model), device,
    )  # fmt: skip
    trainer.run(state, stop)
    return trainer


def _sizes(model: PreTrainedModel) -> str:
    every, trained = gpt.parameters(model), gpt.parameters(model, trained=True)
    return f"{every} parameters" if trained == every else f"{trained} of {every} parameters"


@contextmanager
def _told_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{folder}: {error}; delete the folder to start anew") from None


def write(trainer: Trainer, start: Start, directory: Path) -> None:
    """Write the files of a model directory: the weights that are kept, the last ones under ``last/``, history and losses."""
    with system_errors(directory):
        start.save(None, directory / "last")
        if trainer.settings.keep == "best":
            trainer.load_best()
        start.save(start.tokenizer, directory)
    progress = trainer.progress
    history.write(directory, progress.history, progress.speed, progress.samples, progress.sampling)
    losses.write_losses(directory / losses.FILE, (losses.Losses(**evaluation) for evaluation in progress.losses))


def summary(trainer: Trainer) -> dict[str, Any]:
    """What the record of the job says of the training: which attempt ran which steps with which code, and the best step."""
    told: dict[str, Any] = {"parameters": gpt.parameters(trainer.model), "best_step": trainer.progress.best()["step"]}
    told["trained_parameters"] = gpt.parameters(trainer.model, trained=True)
    told["last_step"] = trainer.progress.step
    if trainer.device.type == "cuda":
        told["peak_gpu_memory_mib"] = torch.cuda.max_memory_allocated(trainer.device) // 2**20
    return {**told, "segments": trainer.progress.attempts}


def _blocks(
    job: Settings, block: int, tokenizer: PreTrainedTokenizerBase, train: Path, validation: Path, device: torch.device
) -> Data:
    training = job.training
    first, second = (read(path, block) for path in (train, validation))
    spread = partial(evenly_spread, block=block, number=training.evaluation.blocks, batch=training.batch, device=device)
    return Data(
        RandomBlocks(first, block=block, **_drawing(job), device=device),
        spread(second),
        partial(spread, first),
        TextBytes.of(tokenizer, {"train": first, "validation": second}, device),
    )


def _documents(
    job: Settings, block: int, tokenizer: PreTrainedTokenizerBase, train: Path, validation: Path, device: torch.device
) -> Data:
    training = job.training
    splits = {"train": Tokens(train), "validation": Tokens(validation)}
    first, second = (Documents.of(tokens, block) for tokens in splits.values())
    for path, documents in ((train, first), (validation, second)):
        if documents.left_out:
            log.info("%s: %d documents of fewer than two tokens are left out", path, documents.left_out)
    spread = partial(evenly_spread_documents, number=training.evaluation.blocks, batch=training.batch, device=device)
    return Data(
        RandomDocuments(first, **_drawing(job), device=device),
        spread(second),
        partial(spread, first),
        TextBytes.of(tokenizer, splits, device),
    )


def _drawing(job: Settings) -> dict[str, Any]:
    """How batches are drawn."""
    return {"seed": job.seed, **{key: getattr(job.training, key) for key in ("batch", "accumulation", "replacement")}}


def _sampler(
    job: Settings, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> Callable[[int], list[dict[str, Any]]]:
    """Texts sampled at a step, each with the seed ``text_seed(seed of the model, step, number of the text)``."""
    settings = job.training.samples
    prompt = [*opening(tokenizer), *encode(tokenizer, settings.prompt, "training.samples.prompt").tolist()]
    told = settings.model_dump(mode="json", include={"length", "temperature", "top_k"})
    decoding = Decoding(do_sample=True, temperature=settings.temperature, top_k=settings.top_k)

    def texts(step: int) -> list[dict[str, Any]]:
        seeds = [text_seed(job.seed, step, index) for index in range(settings.number)]
        generations = sample(model, [prompt] * settings.number, length=settings.length, seeds=seeds, decoding=decoding)
        return [
            {
                "step": step,
                "index": index,
                "prompt": settings.prompt,
                "text": continuation(tokenizer, settings.prompt, prompt, generation.token_ids, marks=True),
                "settings": told,
                "seed": seed,
                "token_ids": generation.token_ids,
                "token_logprobs": [round(one, 6) for one in generation.logprobs],
            }
            for index, (seed, generation) in enumerate(zip(seeds, generations, strict=True))
        ]

    return texts
