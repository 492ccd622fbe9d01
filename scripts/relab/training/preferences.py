"""Training on preferences: prompts with a preferred and another answer as token ids, and direct preference optimisation."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from relab import dropout, precision
from relab.checkpoints import load_tokenizer
from relab.datasets import storage
from relab.encoding import encode
from relab.errors import UserError
from relab.sampling.prompts import LanguageModel
from relab.training.batches import PromptTargets
from relab.training.draws import evenly_spread_indices
from relab.training.finetuning import PreferenceFinetuning
from relab.training.job import InitialModel, run
from relab.training.loop import Trainer
from relab.training.objectives.dpo import Comparisons, DirectPreference
from relab.training.pairs import cut_prompt, ended
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State

log = logging.getLogger("relab.training")


def train(
    job: PreferenceFinetuning, start: InitialModel, *, train: Path, validation: Path, device: torch.device, code: str,
    state: State, stop: StopSignal, processes: Processes = ALONE,
) -> Trainer:  # fmt: skip
    """Train a language model on preferences, from its last checkpoint in ``state`` where there is one.

    The reference's log-probabilities are those of ``start``, computed before the first step of every attempt, for the pairs
    that training draws: they are the same each time, and no second model is in memory.

    Args:
        job: the settings.
        start: the initial model, whose adapter, if it has one, changes nothing yet; its dropout is switched off.
        train, validation: the splits of the data set (Parquet).
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: notes a signal that asks to stop.
        processes: the processes that train the model together.

    Raises:
        UserError: see :meth:`relab.training.loop.Trainer.run`; a split without a pair, a tokenizer without the end token that
            answers are to have.
    """
    tokenizer, model, training = load_tokenizer(start.tokenizer), start.model, job.training
    dropout.switch_off(model)
    lm = LanguageModel(model, tokenizer)
    splits = [encoded_comparisons(train, job, lm), encoded_comparisons(validation, job, lm, training.evaluation.pairs)]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
    objective = DirectPreference(
        *splits, beta=job.beta, batch=training.batch, accumulation=training.accumulation, seed=job.seed, pad=pad,
        device=device, processes=processes,
    )  # fmt: skip
    if job.loss == "sigmoid":
        with precision.autocast(precision.resolve(training.precision, device), device):
            objective.measure_reference(model.eval(), training.steps)
    trainer = Trainer(model, objective, training, device=device, processes=processes)
    run(trainer, state, stop, code)
    return trainer


def encoded_comparisons(path: Path, job: PreferenceFinetuning, lm: LanguageModel, number: int | None = None) -> Comparisons:
    """The pairs of a split, without a reference: all, or ``number`` evenly spread ones.

    A prompt is what sampling would ask; an answer is encoded apart from it, as a sampled one is made.

    Raises:
        UserError: no pair, a text that cannot be encoded, a tokenizer without the end token that answers are to have.
    """
    rows = storage.read(path)
    if not rows["prompt"]:
        raise UserError(f"{path}: expected pairs of a preferred and another answer, found none")
    indices = evenly_spread_indices(len(rows["prompt"]) - 1, number or len(rows["prompt"]))
    asked = [lm.ask(rows["prompt"][index], job, f"{path}, row {index}", "model").token_ids for index in indices]
    whole = {
        side: [_answer(rows[side][index], job, lm, f"{path}, row {index}") for index in indices]
        for side in ("chosen", "rejected")
    }
    prompts = [cut_prompt(prompt, job.prompt_tokens, lm) for prompt in asked]
    answers = {side: [answer[: job.answer_tokens] for answer in texts] for side, texts in whole.items()}
    _log_cut(path, [(asked, prompts), *((whole[side], answers[side]) for side in whole)], answers)
    return Comparisons(*(PromptTargets(prompts, texts, job.block - 1) for texts in answers.values()))


def _answer(text: str, job: PreferenceFinetuning, lm: LanguageModel, name: str) -> list[int]:
    ids = encode(lm.tokenizer, text, name).tolist()
    return ended(ids, lm.tokenizer) if job.end else ids


def _log_cut(path: Path, sides: list[tuple[list, list]], answers: dict[str, list]) -> None:
    """Say how many pairs have a side that was cut, and of how many nothing is left that could be preferred."""
    cut = sum(any(len(whole[row]) > len(kept[row]) for whole, kept in sides) for row in range(len(answers["chosen"])))
    equal = sum(chosen == rejected for chosen, rejected in zip(*answers.values(), strict=True))
    if cut:
        log.info(
            "%s: of %d pairs %d have a side that was cut, %d the same answer twice then", path, len(sides[0][0]), cut, equal
        )
