"""A job that trains a reward model: a model directory and preferences in; a reward model and its rewards of test pairs out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field

from relab.adapters import without_peft_warnings
from relab.checkpoints import load_tokenizer
from relab.datasets import storage
from relab.errors import UserError
from relab.files import sha256, write_csv
from relab.parquet import write_parquet
from relab.predictions import REWARDS
from relab.rewards import model as reward_models
from relab.rewards import network
from relab.rewards.model import Header, RewardModel
from relab.settings.base import Int
from relab.settings.reward_models import RewardTraining, TrainedRewardModel
from relab.training.draws import evenly_spread_indices
from relab.training.job import run, training_summary
from relab.training.loop import Trainer
from relab.training.objectives.pairwise import Pairwise, Preferences
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State, raising_os_errors

log = logging.getLogger("relab.training")

TEST = "test"

#: The columns of ``history.csv``.
COLUMNS = [
    *("step", "pairs_seen", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
]

#: The files that the job writes, its record apart.
FILES = (*reward_models.FILES, "history.csv", "rewards.parquet")


class Job(TrainedRewardModel):
    """The settings of a job: those of the reward model and the compute threads."""

    threads: Int = Field(description="Compute threads.", ge=1)


@dataclass(frozen=True)
class RewardTrainingResult:
    """A trained reward model, an adapter merged into it, and the test pairs that it is scored on."""

    base: Path  #: the model directory that it started from
    model: RewardModel
    history: list[dict[str, Any]]
    test: Mapping[str, list[str]]
    metadata: dict[str, Any]

    def write(self, directory: Path) -> None:
        """Write a reward model's directory: its weights, the history, the rewards of the test pairs."""
        rewards = {f"reward_{side}": self.model.score(whole_texts(self.test, side)) for side in ("chosen", "rejected")}
        with raising_os_errors(directory):
            self.model.save(self.base, directory)
        write_csv(directory / "history.csv", pd.DataFrame(self.history, columns=COLUMNS))
        frame = pd.DataFrame(
            {"row": range(len(self.test["prompt"]))} | {key: values.numpy() for key, values in rewards.items()}
        )
        write_parquet(directory / "rewards.parquet", frame, REWARDS)

    def summary(self) -> dict[str, Any]:
        """Entries of the job's record: those of every training, and how many texts of each split were cut."""
        return self.metadata


def train(
    job: Job, *, splits: Mapping[str, Path], base: Path, device: torch.device, code: str, state: State, stop: StopSignal,
    processes: Processes = ALONE,
) -> RewardTrainingResult:  # fmt: skip
    """Train a reward model, from its last checkpoint in ``state`` where there is one.

    What is new in the network is drawn from torch's global random state seeded with the job's seed, dropout from the same one
    seeded anew; the order of pairs has a generator of its own, keyed by seed and epoch.

    Args:
        job: the settings.
        splits: the files of ``train``, ``validation`` and ``test``.
        base: model directory.
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: notes a signal that asks to stop.
        processes: the processes that train it together.

    Raises:
        UserError: what :func:`relab.rewards.network.build` and :meth:`relab.rewards.RewardModel.encode` refuse, a split without
            a pair, what :meth:`relab.training.loop.Trainer.run` raises.
    """
    header = Header(base=base.name, pooling=job.pooling, tokens=job.tokens, tokenizer=sha256(base / "tokenizer.json"))
    torch.manual_seed(job.seed)
    model = RewardModel(network.build(job, base).to(device), load_tokenizer(base), header, base)
    rows = {split: storage.read(path) for split, path in splits.items()}
    encoded = {split: encode_pairs(model, rows[split], splits[split]) for split in rows}
    objective = Pairwise(
        encoded["train"][0], _evaluated(encoded["validation"][0], job.training), batch=job.training.batch,
        accumulation=job.training.accumulation, seed=job.seed, pad=model.pad or 0, device=device, processes=processes,
    )  # fmt: skip
    scales = {network.HEAD: job.training.head_rate_scale}
    torch.manual_seed(job.seed)
    trainer = Trainer(model.network, objective, job.training, device=device, processes=processes, rate_scales=scales)
    with without_peft_warnings():
        run(trainer, state, stop, code)
    metadata = {
        "base": base.name,
        **training_summary(trainer),
        "truncated": {split: cut for split, (_, cut) in encoded.items()},
    }
    if job.training.keep == "best":
        trainer.load_best()
    model.network.merge_adapter()
    return RewardTrainingResult(base, model, trainer.progress.history, rows[TEST], metadata)


def whole_texts(rows: Mapping[str, list[str]], side: str) -> list[str]:
    """The texts of a side of pairs: each prompt with its answer behind it, as both stand."""
    return [prompt + answer for prompt, answer in zip(rows["prompt"], rows[side], strict=True)]


def encode_pairs(model: RewardModel, rows: Mapping[str, list[str]], path: Path) -> tuple[Preferences, int]:
    """The pairs of a split as token ids, and how many of their texts lost their beginning.

    Raises:
        UserError: no pair, a text without a token.
    """
    if not rows["prompt"]:
        raise UserError(f"{path}: expected pairs of a preferred and another text, found none")
    sides = [model.encode(whole_texts(rows, side), str(path)) for side in ("chosen", "rejected")]
    cut = sum(number for _, number in sides)
    if cut:
        log.info("%s: of %d texts %d lost their beginning", path, 2 * len(rows["prompt"]), cut)
    return Preferences(*(ids for ids, _ in sides)), cut


def _evaluated(pairs: Preferences, training: RewardTraining) -> Preferences:
    """The validation pairs that are evaluated: all, or so many, evenly spread."""
    rows = evenly_spread_indices(len(pairs) - 1, training.evaluation.pairs or len(pairs))
    return Preferences([pairs.chosen[row] for row in rows], [pairs.rejected[row] for row in rows])
