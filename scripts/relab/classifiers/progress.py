"""The progress of a fine-tuning by Transformers' ``Trainer``: losses, the best weights, when to evaluate, save and stop.

Each checkpoint of the ``Trainer`` also holds the state that the ``Trainer`` does not keep itself, and last of all a file with
the digests of all others: a checkpoint that a killed process left half-written, or that was damaged later, is not used.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm
from transformers import TrainerCallback

from relab.errors import UserError
from relab.files import sha256, write_json
from relab.training.signals import StopSignal

log = logging.getLogger("relab.training")

CHECKSUMS, PROGRESS, TENSORS = "whole.json", "progress.json", "progress.safetensors"
_KEPT_CHECKPOINTS = 2

COLUMNS = [
    *("step", "epoch", "rows_seen", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
]


class Progress(TrainerCallback):
    """A callback of the ``Trainer`` that keeps the progress of a run.

    Args:
        parameters: the trained parameters, by name.
        steps, per_epoch: optimizer steps of the run and of an epoch.
        evaluate_at: the steps at which the validation split is evaluated.
        patience: evaluations without a lower validation loss after which training ends; None: it runs to the last step.
        folder: the folder of checkpoints.
        every: seconds between two checkpoints.
        stop: notes a signal that asks to stop.
    """

    def __init__(
        self, parameters: dict[str, torch.nn.Parameter], *, steps: int, per_epoch: int, evaluate_at: set[int],
        patience: int | None, folder: Path, every: float, stop: StopSignal,
    ):  # fmt: skip
        self.parameters, self.steps, self.per_epoch = parameters, steps, per_epoch
        self.evaluate_at, self.patience, self.folder, self.every, self.stop = evaluate_at, patience, folder, every, stop
        self.history: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self.best_weights: dict[str, torch.Tensor] = {}
        self.rows = 0  # rows that were trained on
        self.rate = 0.0  # of the last update
        self.batches = None  # the training batches, whose epoch is set
        self._since: list[torch.Tensor] = []  # loss, correct rows and rows of each batch since the last evaluation
        self._saved_at = time.monotonic()
        self._bar: tqdm | None = None

    # --- what is measured ---------------------------------------------------------------------------------------------

    def best(self) -> dict[str, Any]:
        """The row of the history with the lowest validation loss, the earliest of equals."""
        return min(self.history, key=lambda row: row["validation_loss"])

    def ended(self) -> bool:
        """Whether training is over: its last step is done and evaluated, or the validation loss has stopped falling."""
        if not self.history:
            return False
        if self.history[-1]["step"] == self.steps:
            return True
        evaluations_since_best = len(self.history) - 1 - self.history.index(self.best())
        return self.patience is not None and evaluations_since_best >= self.patience

    def add_batch(self, loss: torch.Tensor, correct: torch.Tensor, rows: int) -> None:
        """Record a training batch: its mean loss and how many of its rows were classified correctly."""
        self._since.append(torch.stack([loss.detach().float(), correct.float(), correct.new_tensor(rows, dtype=torch.float32)]))
        self.rows += rows

    def add_evaluation(self, step: int, loss: float, accuracy: float) -> None:
        """Record an evaluation of the validation split.

        Raises:
            UserError: a loss that is not a finite number.
        """
        train_loss = train_accuracy = None
        if self._since:
            losses, correct, rows = torch.stack(self._since).double().cpu().unbind(1)
            train_loss, train_accuracy = float((losses * rows).sum() / rows.sum()), float(correct.sum() / rows.sum())
        for kind, value in (("training", train_loss), ("validation", loss)):
            if value is not None and not math.isfinite(value):
                raise UserError(
                    f"the {kind} loss is not a finite number at step {step}: lower training.learning_rate, or raise "
                    "training.warmup"
                )
        row = {
            "step": step, "epoch": step / self.per_epoch, "rows_seen": self.rows, "train_loss": train_loss,
            "train_accuracy": train_accuracy, "validation_loss": loss, "validation_accuracy": accuracy,
            "learning_rate": self.rate,
        }  # fmt: skip
        self.history.append(row)
        self._since.clear()
        if self.best() is row:
            self.best_weights = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        train_part = "" if train_loss is None else f"training loss {train_loss:.4f}, "
        best = " (best so far)" if self.best() is row else ""
        log.info("step %d of %d: %svalidation loss %.4f, accuracy %.3f%s", step, self.steps, train_part, loss, accuracy, best)

    @torch.no_grad()
    def load_best(self) -> None:
        """Put the weights of the lowest validation loss into the network."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.best_weights[name])

    # --- what the Trainer calls ---------------------------------------------------------------------------------------

    def on_train_begin(self, args, state, control, **kwargs):
        self._bar = tqdm(total=self.steps, initial=state.global_step, unit="step", disable=None)

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.batches.epoch = state.global_step // self.per_epoch

    def on_optimizer_step(self, args, state, control, lr_scheduler=None, **kwargs):
        self.rate = lr_scheduler.get_last_lr()[0]  # that of this update: the scheduler steps afterwards

    def on_step_end(self, args, state, control, **kwargs):
        self._bar.update()
        control.should_evaluate = state.global_step in self.evaluate_at
        last = state.global_step == self.steps
        control.should_save = last or self.stop.signal is not None or time.monotonic() - self._saved_at >= self.every
        control.should_training_stop = last or self.stop.signal is not None
        return control

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self.add_evaluation(state.global_step, metrics["eval_cross_entropy"], metrics["eval_accuracy"])
        if self.ended():
            control.should_save = control.should_training_stop = True
        return control

    def on_save(self, args, state, control, **kwargs):
        folder = self.folder / f"checkpoint-{state.global_step}"
        tensors = {f"best.{name}": value for name, value in self.best_weights.items()}
        tensors["since"] = torch.stack(self._since) if self._since else torch.empty(0, 3)
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / TENSORS)
        progress = {"history": self.history, "attempts": self.attempts, "rows": self.rows, "rate": self.rate}
        write_json(folder / PROGRESS, progress)
        write_json(folder / CHECKSUMS, {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()})
        for old in checkpoints(self.folder)[_KEPT_CHECKPOINTS:]:
            shutil.rmtree(old)
        self._saved_at = time.monotonic()

    def on_train_end(self, args, state, control, **kwargs):
        self._bar.close()

    # --- resuming -----------------------------------------------------------------------------------------------------

    def restore(self, checkpoint: Path, device: torch.device) -> None:
        """Restore the progress of a checkpoint."""
        progress = json.loads((checkpoint / PROGRESS).read_bytes())
        self.history, self.attempts, self.rows, self.rate = (progress[key] for key in ("history", "attempts", "rows", "rate"))
        tensors = {name: value.to(device, copy=True) for name, value in load_file(checkpoint / TENSORS).items()}
        self._since = list(tensors.pop("since"))
        self.best_weights = {name.removeprefix("best."): value for name, value in tensors.items()}


def step_of(checkpoint: Path) -> int:
    """The step of a checkpoint, from its folder's name."""
    return int(checkpoint.name.rpartition("-")[2])


def checkpoints(folder: Path) -> list[Path]:
    """The folders of checkpoints, newest first, intact or not."""
    return sorted((path for path in folder.glob("checkpoint-*") if path.is_dir()), key=step_of, reverse=True)


def newest_intact(folder: Path) -> Path | None:
    """The newest intact checkpoint; damaged ones are logged and removed."""
    paths = checkpoints(folder)
    for path in paths:
        if _intact(path):
            return path
        log.warning("%s is damaged or was not finished and is left out", path)
        shutil.rmtree(path)
    if paths:
        log.warning("no whole checkpoint is left: the training starts anew")
    return None


def _intact(folder: Path) -> bool:
    try:
        digests = json.loads((folder / CHECKSUMS).read_bytes())
        return PROGRESS in digests and all(sha256(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False
