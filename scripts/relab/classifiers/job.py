"""A fine-tuning job: a model directory and a data set in; a classifier's directory and its predictions out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from relab import precision
from relab.adapters import without_peft_warnings
from relab.characters import FILES as TOKENIZER_FILES
from relab.checkpoints import load_tokenizer
from relab.classifiers import network, texts
from relab.errors import UserError
from relab.files import write_csv
from relab.gpt import parameter_count
from relab.parquet import write_parquet
from relab.predictions import FINETUNED, finetuned_predictions
from relab.settings.base import Int
from relab.settings.classifiers import FinetunedClassifier, FineTuning
from relab.settings.models import Evaluation, Schedule, Training
from relab.training.job import run, training_summary
from relab.training.loop import Trainer
from relab.training.objectives.classification import Classification
from relab.training.processes import ALONE, Processes
from relab.training.signals import StopSignal
from relab.training.state import State, raising_os_errors

log = logging.getLogger("relab.training")

TEST = "test"

#: The columns of ``history.csv``.
COLUMNS = [
    *("step", "epoch", "rows_seen", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
]


class Job(FinetunedClassifier):
    """The settings of a fine-tuning job."""

    classes: list[str] = Field(description="Names of the classes, an output of the head each.", min_length=2)
    threads: Int = Field(description="Compute threads.", ge=1)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the job writes, its record apart."""
        return (*network.FILES[self.adaptation.kind], *TOKENIZER_FILES, "history.csv", "texts.csv", "predictions.parquet")


@dataclass(frozen=True)
class FinetuningResult:
    """A fine-tuned classifier with its best weights, and the data of its fine-tuning."""

    base: Path  #: the model directory that it started from
    trainer: Trainer
    job: Job
    tokenizer: PreTrainedTokenizerBase
    splits: Mapping[str, texts.EncodedSplit]

    def write(self, directory: Path) -> None:
        """Write a classifier's directory: the best weights, the history, the predictions of the test split."""
        test, trainer = self.splits[TEST], self.trainer
        trainer.model.eval()
        with precision.autocast(trainer.precision, trainer.device):
            logits = trainer.objective.logits(trainer.model, test)
        with raising_os_errors(directory):
            network.save(trainer.model, self.job, self.tokenizer, self.base, directory)
        write_csv(directory / "history.csv", pd.DataFrame(trainer.progress.history, columns=COLUMNS))
        write_csv(directory / "texts.csv", pd.DataFrame([self._text_statistics()]))
        probabilities = logits.softmax(1).numpy().astype("float64")
        frame = finetuned_predictions(directory.name, TEST, self.job.seed, self.job.classes, test.labels, probabilities)
        write_parquet(directory / "predictions.parquet", frame, FINETUNED)

    def summary(self) -> dict[str, Any]:
        """Entries of the job's record: those of every training, truncated texts, and the speed."""
        speed, trainer = self.trainer.progress.speed[-1], self.trainer
        metadata = {**training_summary(trainer), "truncated": {split: rows.truncated for split, rows in self.splits.items()}}
        if speed["seconds"]:
            metadata["rows_per_second"] = round(trainer.progress.history[-1]["rows_seen"] / speed["seconds"], 1)
        return metadata

    def _text_statistics(self) -> dict[str, Any]:
        """The row of ``texts.csv``: rows of splits, truncated texts, words that the tokenizer splits, sizes of the network."""
        return {
            **{f"{split}_rows": len(rows) for split, rows in self.splits.items()},
            "cut": sum(rows.truncated for rows in self.splits.values()),
            "vocabulary": len(self.tokenizer),
            "parameters": parameter_count(self.trainer.model),
            "trained_parameters": parameter_count(self.trainer.model, trained=True),
            **texts.split_words(self.tokenizer, self.splits["train"].texts),
        }


def finetune(
    job: Job, *, splits: Mapping[str, Path], base: Path, device: torch.device, code: str, state: State, stop: StopSignal,
    processes: Processes = ALONE,
) -> FinetuningResult:  # fmt: skip
    """Fine-tune a classifier, from its last checkpoint in ``state`` where there is one.

    The head and random weights are drawn from torch's global random state seeded with the job's seed, dropout from the same one
    seeded anew; the order of rows has a generator of its own, keyed by seed and epoch.

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
        UserError: what :mod:`relab.classifiers.texts` and :mod:`relab.classifiers.network` refuse, a training split of one
            class, what :meth:`relab.training.loop.Trainer.run` raises.
    """
    tokenizer = load_tokenizer(base)
    pad = texts.ensure_padding_token(tokenizer)
    encoded = {split: texts.encode_split(path, tokenizer, job.classes, job.tokens) for split, path in splits.items()}
    if len(labels := set(encoded["train"].labels)) < 2:
        raise UserError(f"{splits['train']}: expected rows of at least two classes, found {job.classes[labels.pop()]}")
    torch.manual_seed(job.seed)
    model = network.build(job, base, tokenizer, pad, job.classes).to(device)
    torch.manual_seed(job.seed)
    objective = Classification(
        encoded["train"], encoded["validation"], batch=job.training.batch, accumulation=job.training.accumulation,
        seed=job.seed, pad=pad, device=device, processes=processes,
    )  # fmt: skip
    training = as_steps(job.training, objective.steps_per_epoch)
    evaluate_at = evaluation_steps(job.training, objective.steps_per_epoch)
    trainer = Trainer(model, objective, training, device=device, evaluate_at=evaluate_at, processes=processes)
    with without_peft_warnings():
        run(trainer, state, stop, code)
    trainer.load_best()
    return FinetuningResult(base, trainer, job, tokenizer, encoded)


def as_steps(training: FineTuning, per_epoch: int) -> Training:
    """The settings of a fine-tuning in epochs as those of a training in steps: the rate rises, and falls linearly to 0."""
    steps = per_epoch * training.epochs
    shared = {key: getattr(training, key) for key in FineTuning.model_fields if key in Training.model_fields}
    return Training(
        **shared,
        steps=steps,
        schedule=Schedule(kind="linear", warmup=round(training.warmup * steps)),
        evaluation=Evaluation(every=per_epoch, blocks=1),
    )


def evaluation_steps(training: FineTuning, per_epoch: int) -> set[int]:
    """The steps at which validation is evaluated, evenly spread over each epoch, at whose end there is one."""
    within = [-(-per_epoch * part // training.evaluations) for part in range(1, training.evaluations + 1)]
    return {epoch * per_epoch + step for epoch in range(training.epochs) for step in within}
