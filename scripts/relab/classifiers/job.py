"""A fine-tuning job: a model directory and a data set in; a classifier's directory and its predictions out."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import EvalPrediction, PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainingArguments

from relab.adapters import quiet
from relab.characters import FILES as TOKENIZER_FILES
from relab.checkpoints import load_tokenizer, without_bar
from relab.classifiers import network, predictions, texts
from relab.classifiers.progress import COLUMNS, Progress, newest_whole, step_of
from relab.device import prepare
from relab.errors import UserError
from relab.files import write_csv
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
class Classifier:
    """A classifier with the best weights of its fine-tuning, and what the fine-tuning left."""

    model: Path  #: the model directory that it started from
    trainer: Trainer
    progress: Progress
    tokenizer: PreTrainedTokenizerBase
    rows: Mapping[str, texts.Rows]
    rows_per_second: float | None


class _Trainer(Trainer):
    """The ``Trainer`` on our batches: their order is a function of seed and epoch, so that nothing draws but dropout."""

    def __init__(self, *, rows: Mapping[str, texts.Rows], batches: texts.TrainingBatches, pad: int, progress: Progress, **more):
        super().__init__(train_dataset=rows["train"], eval_dataset=rows["validation"], callbacks=[progress], **more)
        self.remove_callback(PrinterCallback)
        self.progress, self._batches, self._collate = progress, batches, partial(texts.collate, pad=pad)

    def get_train_dataloader(self) -> DataLoader:
        return self._loader(self.train_dataset, self._batches)

    def get_eval_dataloader(self, eval_dataset=None) -> DataLoader:
        return self.get_test_dataloader(self.eval_dataset)

    def get_test_dataloader(self, test_dataset) -> DataLoader:
        lengths = [len(ids) for ids in test_dataset.ids]
        return self._loader(test_dataset, texts.evaluation_batches(lengths, self.args.eval_batch_size))

    def _loader(self, rows: texts.Rows, batches) -> DataLoader:
        return DataLoader(rows, batch_sampler=batches, collate_fn=self._collate, generator=torch.Generator())

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs["labels"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        loss = functional.cross_entropy(outputs.logits.float(), labels)
        if model.training:
            self.progress.seen(loss, (outputs.logits.detach().argmax(1) == labels).sum(), len(labels))
        return (loss, {"loss": loss, "logits": outputs.logits}) if return_outputs else loss


def finetune(
    job: Job, *, splits: Mapping[str, Path], model: Path, device: torch.device, code: str, state: State, stop: StopSignal,
    every: float = 60.0,
) -> Classifier:  # fmt: skip
    """Fine-tune a classifier, from its last checkpoint in ``state`` where there is one.

    The head and random weights are drawn from torch's global random state seeded with the job's seed, dropout from the same one
    seeded anew; the order of rows has a generator of its own, keyed by seed and epoch.

    Args:
        job: the settings.
        splits: the files of ``train``, ``validation`` and ``test``.
        model: model directory.
        device: where to train.
        code: digest of the code, noted with the steps that it ran.
        state: where progress is kept.
        stop: tells when a signal asks to stop.
        every: seconds between two checkpoints.

    Raises:
        UserError: what :mod:`relab.classifiers.texts` and :mod:`relab.classifiers.network` refuse, a training split of one
            class, a signal that asks to stop (a checkpoint is written first), a loss that is not finite, a GPU that is too
            small.
    """
    prepare(device, job.threads)
    tokenizer = load_tokenizer(model)
    pad = texts.padding(tokenizer)
    rows = {split: texts.read(path, tokenizer, job.classes, job.tokens) for split, path in splits.items()}
    if len(found := set(rows["train"].labels)) < 2:
        raise UserError(f"{splits['train']}: expected rows of at least two classes, found {job.classes[found.pop()]}")
    torch.manual_seed(job.seed)
    net = network.build(job, model, tokenizer, pad, job.classes)
    batches = texts.TrainingBatches([len(ids) for ids in rows["train"].ids], job.training.batch, job.seed)
    folder = state.folder / "trainer"
    progress = _progress(job, net, batches, folder, every, stop)
    trainer = _Trainer(
        model=net, args=_arguments(job, folder, device, progress.steps), rows=rows, batches=batches, pad=pad, progress=progress,
        compute_metrics=measures,
    )  # fmt: skip
    checkpoint = newest_whole(folder)
    begun = step_of(checkpoint) if checkpoint else 0
    if checkpoint:
        progress.restore(checkpoint, device)
    progress.attempts.append({"attempt": state.attempt, "from_step": begun, "device": device.type, "code": code})
    parameters = sum(one.numel() for one in progress.parameters.values())
    told = "goes on from" if checkpoint else "starts at"
    log.info("attempt %d: %s step %d of %d, %d parameters, %s", state.attempt, told, begun, progress.steps, parameters, device)
    clock, seen = time.perf_counter(), progress.rows
    with _told(job, folder):
        if not checkpoint:
            trainer.evaluate()
        if not progress.ended():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not progress.ended():
        step = trainer.state.global_step
        raise UserError(f"stopped at step {step} of {progress.steps} by {stop.signal}; the same command goes on from there")
    if progress.history[-1]["step"] < progress.steps:
        log.info("training ends at step %d: the validation loss has stopped falling", progress.history[-1]["step"])
    speed = (progress.rows - seen) / (time.perf_counter() - clock) if progress.rows > seen else None
    progress.load_best()
    return Classifier(model, trainer, progress, tokenizer, rows, speed)


def measures(evaluation: EvalPrediction) -> dict[str, float]:
    """Cross-entropy in nats, a mean over rows, and accuracy of logits ``[rows, classes]`` and labels ``[rows]``.

    The ``Trainer``'s own ``eval_loss`` is a mean of batches' means, in which the rows of a smaller last batch weigh more.
    """
    logits, labels = (torch.from_numpy(values) for values in (evaluation.predictions, evaluation.label_ids))
    return {
        "cross_entropy": functional.cross_entropy(logits.double(), labels).item(),
        "accuracy": (logits.argmax(1) == labels).double().mean().item(),
    }


def _progress(job: Job, net, batches: texts.TrainingBatches, folder: Path, every: float, stop: StopSignal) -> Progress:
    training, per_epoch = job.training, len(batches)
    steps, number = per_epoch * training.epochs, training.evaluations
    within = [-(-per_epoch * part // number) for part in range(1, number + 1)]  # the last one is the last of an epoch
    evaluate_at = {epoch * per_epoch + step for epoch in range(training.epochs) for step in within}
    progress = Progress(
        network.trained(net), steps=steps, per_epoch=per_epoch, evaluate_at=evaluate_at, patience=training.early_stopping,
        folder=folder, every=every, stop=stop,
    )  # fmt: skip
    progress.batches = batches
    return progress


def _arguments(job: Job, folder: Path, device: torch.device, steps: int) -> TrainingArguments:
    training = job.training
    if device.type == "cuda":
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    found = TrainingArguments(
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
        found.__dict__["_setup_devices"], found._n_gpu = device, 1
    return found


@contextmanager
def _told(job: Job, folder: Path) -> Iterator[None]:
    """Tell a full disk and a GPU that is too small in the words of the other training jobs."""
    try:
        with raising_os_errors(folder), without_bar(), quiet():
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


def write(classifier: Classifier, job: Job, directory: Path) -> None:
    """Write a classifier's directory: the best weights, the history, the predictions of the test split."""
    rows = classifier.rows[TEST]
    logits = torch.from_numpy(classifier.trainer.predict(rows).predictions).float()
    order = [place for batch in classifier.trainer.get_test_dataloader(rows).batch_sampler for place in batch]
    found = torch.empty_like(logits)
    found[order] = logits
    net = classifier.trainer.accelerator.unwrap_model(classifier.trainer.model)
    with raising_os_errors(directory):
        network.save(net, job, classifier.tokenizer, classifier.model, directory)
    write_csv(directory / "history.csv", pd.DataFrame(classifier.progress.history, columns=COLUMNS))
    write_csv(directory / "texts.csv", pd.DataFrame([_texts(classifier)]))
    name, classes = directory.name, job.classes
    told = predictions.table(name, TEST, job.seed, classes, rows.labels, found.softmax(1).numpy().astype("float64"))
    predictions.write(directory / "predictions.parquet", told)


def _texts(classifier: Classifier) -> dict[str, Any]:
    """What was read: rows, how many of their texts were cut, and what the tokenizer makes of their words; what was trained."""
    rows, tokenizer = classifier.rows, classifier.tokenizer
    told: dict[str, Any] = {f"{split}_rows": len(own) for split, own in rows.items()}
    told |= {"cut": sum(own.truncated for own in rows.values()), "vocabulary": len(tokenizer)}
    told["parameters"] = sum(one.numel() for one in classifier.trainer.model.parameters())
    told["trained_parameters"] = sum(one.numel() for one in classifier.progress.parameters.values())
    return {**told, **texts.split_words(tokenizer, rows["train"].texts)}


def summary(classifier: Classifier) -> dict[str, Any]:
    """What the record of the job says of the fine-tuning."""
    progress = classifier.progress
    told: dict[str, Any] = {
        "parameters": sum(one.numel() for one in classifier.trainer.model.parameters()),
        "trained_parameters": sum(one.numel() for one in progress.parameters.values()),
        "best_step": progress.best()["step"],
        "last_step": progress.history[-1]["step"],
        "truncated": {split: rows.truncated for split, rows in classifier.rows.items()},
    }
    if classifier.rows_per_second:
        told["rows_per_second"] = round(classifier.rows_per_second, 1)
    if torch.cuda.is_available():
        told["peak_gpu_memory_mib"] = torch.cuda.max_memory_allocated() // 2**20
    return {**told, "segments": progress.attempts}


def clear(state: State) -> None:
    """Remove the checkpoints of a job that has ended well."""
    shutil.rmtree(state.folder / "trainer", ignore_errors=True)
