"""A training job: a corpus as token ids and their tokenizer in, a model directory out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from relab import gpt
from relab.characters import FILES as TOKENIZER_FILES
from relab.device import prepare
from relab.encoding import encode, opening
from relab.sampling import sample, text_seed
from relab.settings.base import Int
from relab.settings.models import TrainedModel
from relab.settings.samplings import Decoding
from relab.tokens.store import Tokens
from relab.training import history
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

#: The files of a model directory that training writes.
FILES = (*gpt.FILES, *TOKENIZER_FILES, *(f"last/{name}" for name in gpt.FILES), *history.FILES)


class Job(TrainedModel):
    """The settings of a training job: those of its model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


def train_model(job: Job, *, train: Path, validation: Path, tokenizer: Path, device: torch.device, code: str, state: State,
                stop: Stop) -> Trainer:  # fmt: skip
    """Train a model on a corpus, from its last checkpoint in ``state`` where there is one.

    Initial weights and dropout are drawn from torch's global random state seeded with the model's seed, blocks and sampled
    texts from generators of their own keyed by the seed and the step.

    Args:
        job: the settings.
        train, validation: the splits of the corpus as token ids.
        tokenizer: tokenizer directory.
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: tells when a signal asks to stop.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; a corpus shorter than a block, or without a document of two
            tokens where documents are read.
    """
    prepare(device, job.threads)
    reader = AutoTokenizer.from_pretrained(tokenizer)
    make_data = _documents if job.training.reading == "documents" else _blocks
    data = make_data(job, train, validation, device)
    torch.manual_seed(job.seed)
    model = gpt.build(job.architecture, len(reader)).to(device)
    sampler = _sampler(job, model, reader) if job.training.samples else None
    trainer = Trainer(model, data, job.training, sampler=sampler, device=device)
    found = state.load()
    if found:
        trainer.restore(*found)
    step = trainer.progress.step
    trainer.progress.attempts.append({"attempt": state.attempt, "from_step": step, "device": device.type, "code": code})
    log.info(
        "attempt %d: %s step %d of %d, %d parameters, %s",
        state.attempt, "goes on from" if found else "starts at", step, job.training.steps, gpt.parameters(model), device,
    )  # fmt: skip
    trainer.run(state, stop)
    return trainer


def write(trainer: Trainer, tokenizer: Path, directory: Path) -> None:
    """Write the files of a model directory: the best weights, the last ones under ``last/``, the history."""
    with system_errors(directory):
        gpt.save(trainer.model, None, directory / "last")
        trainer.load_best()
        gpt.save(trainer.model, tokenizer, directory)
    progress = trainer.progress
    history.write(directory, progress.history, progress.speed, progress.samples, progress.sampling)


def summary(trainer: Trainer) -> dict[str, Any]:
    """What the record of the job says of the training: which attempt ran which steps with which code, and the best step."""
    told: dict[str, Any] = {"parameters": gpt.parameters(trainer.model), "best_step": trainer.progress.best()["step"]}
    told["last_step"] = trainer.progress.step
    if trainer.device.type == "cuda":
        told["peak_gpu_memory_mib"] = torch.cuda.max_memory_allocated(trainer.device) // 2**20
    return {**told, "segments": trainer.progress.attempts}


def _blocks(job: Job, train: Path, validation: Path, device: torch.device) -> Data:
    training, block = job.training, job.architecture.block
    first, second = (read(path, block) for path in (train, validation))
    return Data(
        RandomBlocks(
            first, block=block, batch=training.batch, accumulation=training.accumulation, seed=job.seed, device=device
        ),
        evenly_spread(second, block=block, number=training.evaluation.blocks, batch=training.batch, device=device),
        history.bits_per_byte(1.0, first.size, first.bytes),
        history.bits_per_byte(1.0, second.size, second.bytes),
    )


def _documents(job: Job, train: Path, validation: Path, device: torch.device) -> Data:
    training = job.training
    splits = [Tokens(path) for path in (train, validation)]
    first, second = (Documents.of(tokens, job.architecture.block) for tokens in splits)
    for path, documents in ((train, first), (validation, second)):
        if documents.left_out:
            log.info("%s: %d documents of fewer than two tokens are left out", path, documents.left_out)
    return Data(
        RandomDocuments(first, batch=training.batch, accumulation=training.accumulation, seed=job.seed, device=device),
        evenly_spread_documents(second, number=training.evaluation.blocks, batch=training.batch, device=device),
        *(history.bits_per_byte(1.0, tokens.counts.tokens, tokens.counts.bytes) for tokens in splits),
    )


def _sampler(job: Job, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Callable[[int], list[dict[str, Any]]]:
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
                "text": tokenizer.decode(generation.token_ids),
                "settings": told,
                "seed": seed,
                "token_ids": generation.token_ids,
                "token_logprobs": [round(one, 6) for one in generation.logprobs],
            }
            for index, (seed, generation) in enumerate(zip(seeds, generations, strict=True))
        ]

    return texts
