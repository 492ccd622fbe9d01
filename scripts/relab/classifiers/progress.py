"""The progress of a fine-tuning by Transformers' ``Trainer``: losses, the best weights, when to evaluate, save and stop.

Everything that the rest of a run depends on and that the ``Trainer`` does not keep itself lies beside its own files in each of
its checkpoints. A checkpoint counts once a file with the digests of all others has been renamed into it: one that a killed
process left half-written, or that was damaged later, is not gone on from.
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

WHOLE, PLAIN, TENSORS = "whole.json", "progress.json", "progress.safetensors"
_KEPT = 2

COLUMNS = [
    *("step", "epoch", "rows_seen", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"),
]


class Progress(TrainerCallback):
    """What a run has done so far; the ``Trainer`` calls it as it goes on.

    Args:
        parameters: the parameters that are trained, by name.
        steps, per_epoch: optimizer steps, and those of one epoch.
        evaluate_at: the steps at which validation is looked at.
        patience: evaluations without a lower validation loss after which training ends; None: it goes on to the last step.
        folder: where checkpoints lie.
        every: seconds between two checkpoints.
        stop: tells when a signal asks to stop.
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
        self.rows = 0  # that were trained on
        self.rate = 0.0  # of the last update
        self.batches = None  # whose epoch is set
        self._since: list[torch.Tensor] = []  # loss, right ones and number of rows of each batch since the last evaluation
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
        since = len(self.history) - 1 - self.history.index(self.best())
        return self.patience is not None and since >= self.patience

    def seen(self, loss: torch.Tensor, right: torch.Tensor, rows: int) -> None:
        """Take in a training batch: its mean loss and how many of its rows were classified rightly."""
        self._since.append(torch.stack([loss.detach().float(), right.float(), right.new_tensor(rows, dtype=torch.float32)]))
        self.rows += rows

    def add(self, step: int, loss: float, accuracy: float) -> None:
        """Take in an evaluation.

        Raises:
            UserError: a loss that is not a finite number.
        """
        train_loss = train_accuracy = None
        if self._since:
            losses, right, rows = torch.stack(self._since).double().cpu().unbind(1)
            train_loss, train_accuracy = float((losses * rows).sum() / rows.sum()), float(right.sum() / rows.sum())
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
            self.best_weights = {name: one.detach().clone() for name, one in self.parameters.items()}
        told = "" if train_loss is None else f"training loss {train_loss:.4f}, "
        best = " (best so far)" if self.best() is row else ""
        log.info("step %d of %d: %svalidation loss %.4f, accuracy %.3f%s", step, self.steps, told, loss, accuracy, best)

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
        self.rate = lr_scheduler.get_last_lr()[0]  # the one of this update: it is moved on afterwards

    def on_step_end(self, args, state, control, **kwargs):
        self._bar.update()
        control.should_evaluate = state.global_step in self.evaluate_at
        last = state.global_step == self.steps
        control.should_save = last or self.stop.signal is not None or time.monotonic() - self._saved_at >= self.every
        control.should_training_stop = last or self.stop.signal is not None
        return control

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self.add(state.global_step, metrics["eval_cross_entropy"], metrics["eval_accuracy"])
        if self.ended():
            control.should_save = control.should_training_stop = True
        return control

    def on_save(self, args, state, control, **kwargs):
        folder = self.folder / f"checkpoint-{state.global_step}"
        tensors = {f"best.{name}": value for name, value in self.best_weights.items()}
        tensors["since"] = torch.stack(self._since) if self._since else torch.empty(0, 3)
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / TENSORS)
        plain = {"history": self.history, "attempts": self.attempts, "rows": self.rows, "rate": self.rate}
        write_json(folder / PLAIN, plain)
        write_json(folder / WHOLE, {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()})
        for old in checkpoints(self.folder)[_KEPT:]:
            shutil.rmtree(old)
        self._saved_at = time.monotonic()

    def on_train_end(self, args, state, control, **kwargs):
        self._bar.close()

    # --- going on -----------------------------------------------------------------------------------------------------

    def restore(self, checkpoint: Path, device: torch.device) -> None:
        """Go back to what was so at a checkpoint."""
        plain = json.loads((checkpoint / PLAIN).read_bytes())
        self.history, self.attempts, self.rows, self.rate = (plain[key] for key in ("history", "attempts", "rows", "rate"))
        tensors = {name: value.to(device, copy=True) for name, value in load_file(checkpoint / TENSORS).items()}
        self._since = list(tensors.pop("since"))
        self.best_weights = {name.removeprefix("best."): value for name, value in tensors.items()}


def step_of(checkpoint: Path) -> int:
    """The number of finished steps of a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def checkpoints(folder: Path) -> list[Path]:
    """The folders of checkpoints, newest first, whole or not."""
    return sorted((path for path in folder.glob("checkpoint-*") if path.is_dir()), key=step_of, reverse=True)


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint that is as it was saved; those that are not are named in the log and removed."""
    found = checkpoints(folder)
    for path in found:
        if _whole(path):
            return path
        log.warning("%s is damaged or was not finished and is left out", path)
        shutil.rmtree(path)
    if found:
        log.warning("no whole checkpoint is left: the training starts anew")
    return None


def _whole(folder: Path) -> bool:
    try:
        digests = json.loads((folder / WHOLE).read_bytes())
        return PLAIN in digests and all(sha256(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False
