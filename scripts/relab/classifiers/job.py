"""A fine-tuning job: a model directory and a data set in; a classifier's directory and its predictions out."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import EvalPrediction, PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainingArguments

from relab.adapters import without_peft_warnings
from relab.characters import FILES as TOKENIZER_FILES
from relab.checkpoints import load_tokenizer, without_progress_bar
from relab.classifiers import network, texts
from relab.classifiers.progress import COLUMNS, Progress, newest_intact, step_of
from relab.device import peak_gpu_memory, prepare_device
from relab.errors import UserError
from relab.files import write_csv
from relab.parquet import write_parquet
from relab.predictions import FINETUNED
from relab.settings.base import Int
from relab.settings.classifiers import FinetunedClassifier
from relab.training.signals import StopSignal
from relab.training.state import State, raising_os_errors

log = logging.getLogger("relab.training")

TEST = "test"


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
    """A fine-tuned classifier with its best weights, and the data and progress of its fine-tuning."""

    base: Path  #: the model directory that it started from
    trainer: Trainer
    progress: Progress
    tokenizer: PreTrainedTokenizerBase
    splits: Mapping[str, texts.EncodedSplit]
    rows_per_second: float | None


class _Trainer(Trainer):
    """The ``Trainer`` on our batches, whose order is a function of seed and epoch: only dropout draws random numbers."""

    def __init__(
        self,
        *,
        splits: Mapping[str, texts.EncodedSplit],
        batches: texts.TrainingBatches,
        pad: int,
        progress: Progress,
        **options,
    ):
        super().__init__(train_dataset=splits["train"], eval_dataset=splits["validation"], callbacks=[progress], **options)
        self.remove_callback(PrinterCallback)
        self.progress, self._batches, self._collate = progress, batches, partial(texts.collate, pad=pad)

    def get_train_dataloader(self) -> DataLoader:
        return self._loader(self.train_dataset, self._batches)

    def get_eval_dataloader(self, eval_dataset=None) -> DataLoader:
        return self.get_test_dataloader(self.eval_dataset)

    def get_test_dataloader(self, test_dataset) -> DataLoader:
        lengths = [len(ids) for ids in test_dataset.ids]
        return self._loader(test_dataset, texts.evaluation_batches(lengths, self.args.eval_batch_size))

    def _loader(self, rows: texts.EncodedSplit, batches) -> DataLoader:
        return DataLoader(rows, batch_sampler=batches, collate_fn=self._collate, generator=torch.Generator())

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs["labels"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        loss = functional.cross_entropy(outputs.logits.float(), labels)
        if model.training:
            self.progress.add_batch(loss, (outputs.logits.detach().argmax(1) == labels).sum(), len(labels))
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss


def finetune(
    job: Job, *, splits: Mapping[str, Path], base: Path, device: torch.device, code: str, state: State, stop: StopSignal,
    every: float = 60.0,
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
        every: seconds between two checkpoints.

    Raises:
        UserError: what :mod:`relab.classifiers.texts` and :mod:`relab.classifiers.network` refuse, a training split of one
            class, a signal that asks to stop (a checkpoint is written first), a loss that is not finite, a GPU that is too
            small.
    """
    prepare_device(device, job.threads)
    tokenizer = load_tokenizer(base)
    pad = texts.ensure_padding_token(tokenizer)
    encoded = {split: texts.encode_split(path, tokenizer, job.classes, job.tokens) for split, path in splits.items()}
    if len(labels := set(encoded["train"].labels)) < 2:
        raise UserError(f"{splits['train']}: expected rows of at least two classes, found {job.classes[labels.pop()]}")
    torch.manual_seed(job.seed)
    model = network.build(job, base, tokenizer, pad, job.classes)
    batches = texts.TrainingBatches([len(ids) for ids in encoded["train"].ids], job.training.batch, job.seed)
    folder = state.folder / "trainer"
    progress = _progress(job, model, batches, folder, every, stop)
    trainer = _Trainer(
        model=model, args=_training_arguments(job, folder, device, progress.steps), splits=encoded, batches=batches, pad=pad,
        progress=progress, compute_metrics=evaluation_metrics,
    )  # fmt: skip
    checkpoint = newest_intact(folder)
    first_step = step_of(checkpoint) if checkpoint else 0
    if checkpoint:
        progress.restore(checkpoint, device)
    progress.attempts.append({"attempt": state.attempt, "from_step": first_step, "device": device.type, "code": code})
    log.info(
        "attempt %d: %s step %d of %d, %d parameters, %s", state.attempt, "goes on from" if checkpoint else "starts at",
        first_step, progress.steps, _size(progress.parameters.values()), device,
    )  # fmt: skip
    started, rows_before = time.perf_counter(), progress.rows
    with _training_errors(job, folder):
        if not checkpoint:
            trainer.evaluate()
        if not progress.ended():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not progress.ended():
        step = trainer.state.global_step
        raise UserError(f"stopped at step {step} of {progress.steps} by {stop.signal}; the same command goes on from there")
    if progress.history[-1]["step"] < progress.steps:
        log.info("training ends at step %d: the validation loss has stopped falling", progress.history[-1]["step"])
    speed = (progress.rows - rows_before) / (time.perf_counter() - started) if progress.rows > rows_before else None
    progress.load_best()
    return FinetuningResult(base, trainer, progress, tokenizer, encoded, speed)


def _size(parameters: Iterable[torch.nn.Parameter]) -> int:
    """How many numbers these parameters hold."""
    return sum(parameter.numel() for parameter in parameters)


def evaluation_metrics(evaluation: EvalPrediction) -> dict[str, float]:
    """Mean cross-entropy in nats and accuracy of logits ``[rows, classes]`` for labels ``[rows]``.

    The ``Trainer``'s own ``eval_loss`` is a mean of batches' means, in which the rows of a smaller last batch weigh more.
    """
    logits, labels = (torch.from_numpy(values) for values in (evaluation.predictions, evaluation.label_ids))
    return {
        "cross_entropy": functional.cross_entropy(logits.double(), labels).item(),
        "accuracy": (logits.argmax(1) == labels).double().mean().item(),
    }


def _progress(
    job: Job, model: torch.nn.Module, batches: texts.TrainingBatches, folder: Path, every: float, stop: StopSignal
) -> Progress:
    training, per_epoch = job.training, len(batches)
    steps, number = per_epoch * training.epochs, training.evaluations
    within = [-(-per_epoch * part // number) for part in range(1, number + 1)]  # the last one is the last of an epoch
    evaluate_at = {epoch * per_epoch + step for epoch in range(training.epochs) for step in within}
    progress = Progress(
        network.trained_parameters(model), steps=steps, per_epoch=per_epoch, evaluate_at=evaluate_at,
        patience=training.early_stopping, folder=folder, every=every, stop=stop,
    )  # fmt: skip
    progress.batches = batches
    return progress


def _training_arguments(job: Job, folder: Path, device: torch.device, steps: int) -> TrainingArguments:
    training = job.training
    if device.type == "cuda":
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch,
        per_device_eval_batch_size=max(32, training.batch),
        learning_rate=training.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(training.warmup * steps),
        weight_decay=training.weight_decay,
        max_grad_norm=training.clip,
        optim="adamw_torch_fused",
        seed=job.seed,
        bf16=device.type == "cuda",
        use_cpu=device.type == "cpu",
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    if device.type == "cuda" and torch.cuda.device_count() > 1:  # one card a job: no data parallelism over all of them
        arguments.__dict__["_setup_devices"], arguments._n_gpu = device, 1
    return arguments


@contextmanager
def _training_errors(job: Job, folder: Path) -> Iterator[None]:
    """Raise the errors of a full disk and of a too small GPU as the other training jobs do."""
    try:
        with raising_os_errors(folder), without_progress_bar(), without_peft_warnings():
            yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU's memory does not hold a batch of {job.training.batch} rows: lower training.batch or tokens "
            f"({str(error).partition('. ')[0]})"
        ) from None
    except RuntimeError as error:
        if re.search(r"PytorchStreamWriter|inline_container|unexpected pos|file write failed", str(error)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None
        raise


def write_classifier(result: FinetuningResult, job: Job, directory: Path) -> None:
    """Write a classifier's directory: the best weights, the history, the predictions of the test split."""
    test, trainer = result.splits[TEST], result.trainer
    logits = torch.from_numpy(trainer.predict(test).predictions).float()
    order = [index for batch in trainer.get_test_dataloader(test).batch_sampler for index in batch]
    logits_by_row = torch.empty_like(logits)
    logits_by_row[order] = logits
    with raising_os_errors(directory):
        network.save(trainer.accelerator.unwrap_model(trainer.model), job, result.tokenizer, result.base, directory)
    write_csv(directory / "history.csv", pd.DataFrame(result.progress.history, columns=COLUMNS))
    write_csv(directory / "texts.csv", pd.DataFrame([_text_statistics(result)]))
    name, probabilities = directory.name, logits_by_row.softmax(1).numpy().astype("float64")
    frame = predictions_table(name, TEST, job.seed, job.classes, test.labels, probabilities)
    write_parquet(directory / "predictions.parquet", frame, FINETUNED)


def predictions_table(
    classifier: str, split: str, seed: int, classes: Sequence[str], labels: Sequence[int], probabilities: np.ndarray
) -> pd.DataFrame:
    """Predictions from probabilities ``[rows, classes]`` and the indices of the true classes ``[rows]``."""
    return pd.DataFrame(
        {
            "classifier": classifier,
            "split": split,
            "seed": seed,
            "row": range(len(labels)),
            "label": [classes[index] for index in labels],
            "prediction": [classes[index] for index in probabilities.argmax(1)],
            "probability": probabilities.max(1).round(6),
        }
    )


def _text_statistics(result: FinetuningResult) -> dict[str, Any]:
    """The row of ``texts.csv``: rows of each split, truncated texts, words that the tokenizer splits, sizes of the network."""
    splits, tokenizer = result.splits, result.tokenizer
    return {
        **{f"{split}_rows": len(rows) for split, rows in splits.items()},
        "cut": sum(rows.truncated for rows in splits.values()),
        "vocabulary": len(tokenizer),
        **_parameters(result),
        **texts.split_words(tokenizer, splits["train"].texts),
    }


def _parameters(result: FinetuningResult) -> dict[str, int]:
    trained = _size(result.progress.parameters.values())
    return {"parameters": _size(result.trainer.model.parameters()), "trained_parameters": trained}


def finetuning_summary(result: FinetuningResult) -> dict[str, Any]:
    """Entries of the job's record: parameters, best and last step, truncated texts, speed, and the attempts."""
    progress = result.progress
    metadata: dict[str, Any] = {
        **_parameters(result),
        "best_step": progress.best()["step"],
        "last_step": progress.history[-1]["step"],
        "truncated": {split: rows.truncated for split, rows in result.splits.items()},
    }
    if result.rows_per_second:
        metadata["rows_per_second"] = round(result.rows_per_second, 1)
    return {**metadata, **peak_gpu_memory(result.trainer.args.device), "segments": progress.attempts}


def remove_checkpoints(state: State) -> None:
    """Remove the checkpoints of a finished job."""
    shutil.rmtree(state.folder / "trainer", ignore_errors=True)
