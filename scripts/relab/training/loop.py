"""The training loop.

It knows nothing of files: a model, batches and settings come in; a trained model and its history come out. The model may be new
or pretrained, and the batches may come from blocks of a stream or from anything else that gives batches for a step.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import torch
from torch.nn import functional
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm
from transformers import PreTrainedModel

from relab.errors import UserError
from relab.settings.models import Training
from relab.tokens.sizes import TextBytes
from relab.training.batches import IGNORED, Batch
from relab.training.history import bits_per_byte
from relab.training.losses import Losses
from relab.training.optimizer import adamw
from relab.training.random_states import random_states, restore_random_states
from relab.training.schedule import learning_rate
from relab.training.signals import StopSignal
from relab.training.state import State

log = logging.getLogger("relab.training")


class Batches(Protocol):
    """Training batches: those of an update are a function of the number of finished steps alone."""

    def batches(self, step: int) -> Iterator[Batch]: ...

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""


@dataclass(frozen=True)
class TrainingData:
    """The batches that a model is trained and evaluated on.

    Attributes:
        train: training batches.
        validation: validation batches, the same ones each time.
        train_evaluation: returns the training text's batches for the evaluation at the end; None: it is not evaluated.
        text_bytes: sizes of targets in bytes; None: there are no bits per byte.
    """

    train: Batches
    validation: list[Batch]
    train_evaluation: Callable[[], list[Batch]] | None = None
    text_bytes: TextBytes | None = None


@dataclass
class Progress:
    """The part of a checkpoint that is not tensors. ``seconds`` is time spent on training steps, over all attempts."""

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)  #: of single blocks or documents, see relab.training.losses
    speed: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    sampling: list[dict[str, Any]] = field(default_factory=list)  #: how fast texts were sampled, a step a row
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def best(self) -> dict[str, Any]:
        """The row of the history with the lowest validation loss, the earliest of equals."""
        return min(self.history, key=lambda row: row["validation_loss"])

    def validation_losses(self) -> list[float]:
        """The validation losses so far."""
        return [row["validation_loss"] for row in self.history]


class Trainer:
    """Trains a causal language model with AdamW.

    Losses are means over targets, however many of them a batch or a step has. Dropout draws from torch's global random state,
    which is part of a checkpoint; nothing else in the loop touches it, so the frequency of evaluation, sampling and saving
    changes no weight. On CUDA the forward pass runs in bfloat16, the weights stay float32. Losses stay on the device until an
    evaluation reads them.

    Args:
        model: the model, on ``device``.
        data: its training and evaluation batches.
        settings: steps, optimizer, when to evaluate and to sample.
        sampler: returns the records of the texts sampled at a step; None where there are none.
        device: where the model runs.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        data: TrainingData,
        settings: Training,
        *,
        sampler: Callable[[int], list[dict[str, Any]]] | None = None,
        device: torch.device,
    ):
        self.model = model.train()
        if settings.gradient_checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})  # the other kind wants inputs that are trained
        self.data = data
        self.settings = settings
        self.sampler = sampler
        self.device = device
        self.parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.optimizer = adamw(model, settings)
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] = {}
        self._losses: list[torch.Tensor] = []  # of the steps since the last evaluation
        self._bytes: list[torch.Tensor] = []  # of their targets
        self._resumed_at = time.perf_counter()

    def run(self, state: State, stop: StopSignal) -> None:
        """Train to the last step, or until early stopping, and write a checkpoint there.

        Raises:
            UserError: a signal asked to stop (a checkpoint is written first), a loss is not a finite number, the GPU's
                memory is too small.
        """
        steps, progress = self.settings.steps, self.progress
        bar = tqdm(total=steps, initial=progress.step, unit="step", disable=None)
        with bar, logging_redirect_tqdm([log]), _out_of_memory_as_error(self.settings):
            self._resumed_at = time.perf_counter()
            while True:
                self._evaluate_and_sample()
                if self._finished():
                    break
                signal_name = stop.signal
                if signal_name or state.checkpoint_due():
                    self._save(state)
                if signal_name:
                    raise UserError(
                        f"stopped at step {progress.step} of {steps} by {signal_name}; the same command goes on from there"
                    )
                self.update()
                bar.update()
            if progress.step < steps:
                log.info("training ends at step %d: the validation loss has stopped falling", progress.step)
            self._save(state)

    def update(self) -> None:
        """One optimizer step."""
        settings, step = self.settings, self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, self.progress.validation_losses())
        losses, byte_counts, target_counts = [], [], self.data.train.targets(step)
        for targets_in_batch, (inputs, targets) in zip(target_counts, self.data.train.batches(step), strict=True):
            # the mean over all targets of the step, however many of them each batch has
            loss = self._loss(inputs, targets, "mean") / (sum(target_counts) / targets_in_batch)
            loss.backward()
            losses.append(loss.detach())
            byte_counts.append(self._target_bytes(inputs, targets))
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._losses.append(torch.stack(losses).sum())
        self._bytes.append(torch.stack(byte_counts).sum())
        self.progress.step += 1

    def load_best(self) -> None:
        """Put the weights of the lowest validation loss into the model."""
        _copy_weights(self.best, self.parameters)

    def capture(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The state of training for a checkpoint: tensors by name, and the progress as JSON."""
        tensors = {f"model.{name}": value.detach() for name, value in self.parameters.items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for index, entries in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in entries.items()}
        tensors |= {f"random.{kind}": value for kind, value in random_states(self.device).items()}
        tensors["losses"] = torch.stack(self._losses) if self._losses else torch.empty(0)
        tensors["bytes"] = torch.stack(self._bytes) if self._bytes else torch.empty(0, dtype=torch.int64)
        return tensors, {**asdict(self.progress), "device": self.device.type}

    def restore(self, tensors: dict[str, torch.Tensor], progress: dict[str, Any]) -> None:
        """Restore what :meth:`capture` returned, in a trainer with the same model, data and settings.

        Raises:
            UserError: the checkpoint is of other trained weights.
        """
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _with_prefix("optimizer.", tensors).items():
            index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
        self._check_checkpoint(_with_prefix("model.", tensors), state)
        device = progress.pop("device")
        self.progress = Progress(**progress)
        _copy_weights(_with_prefix("model.", tensors), self.parameters)
        self.best = {name: value.to(self.device, copy=True) for name, value in _with_prefix("best.", tensors).items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self._losses = list(tensors["losses"].to(self.device, copy=True))
        self._bytes = list(tensors["bytes"].to(self.device, copy=True))
        if device != self.device.type:
            log.warning("the checkpoint was made on %s: from here on the numbers differ from an unbroken run's", device)
        restore_random_states(_with_prefix("random.", tensors), self.device)

    def _check_checkpoint(self, weights: dict[str, torch.Tensor], state: dict[int, dict[str, torch.Tensor]]) -> None:
        """Refuse a checkpoint whose weights or optimizer moments do not fit the trained parameters."""
        expected = {name: tuple(tensor.shape) for name, tensor in self.parameters.items()}
        saved = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        if differing := sorted(expected.items() ^ saved.items()):
            raise UserError(
                f"the checkpoint is of other trained weights: expected {len(expected)} tensors, found {len(saved)}, which "
                f"differ in {differing[0][0]}"
            )
        shapes = [tuple(tensor.shape) for group in self.optimizer.param_groups for tensor in group["params"]]
        for index, entries in state.items():
            if not index < len(shapes) or tuple(entries["exp_avg"].shape) != shapes[index]:
                expected = f"of the shape {list(shapes[index])}" if index < len(shapes) else f"of {len(shapes)} tensors"
                raise UserError(
                    f"the optimizer's state does not fit: expected moments {expected}, found those of tensor {index + 1} of "
                    f"the shape {list(entries['exp_avg'].shape)}"
                )

    def _loss(self, inputs: torch.Tensor, targets: torch.Tensor, reduction: str) -> torch.Tensor:
        """Cross-entropy in nats; targets of -100 are ignored and have the loss 0."""
        with torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext():
            logits = self.model(inputs, use_cache=False).logits
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)

    def _evaluate_and_sample(self) -> None:
        """Evaluate and sample if that is due at this step and not done yet."""
        progress, samples = self.progress, self.settings.samples
        if self._due(self.settings.evaluation.every, progress.history):
            with self._untimed():
                self._evaluate()
        if self.sampler and samples and self._due(samples.every, progress.samples):
            with self._untimed():
                self._finite_losses()
                self._sample()

    def _sample(self) -> None:
        started, texts = time.perf_counter(), self.sampler(self.progress.step)
        seconds = time.perf_counter() - started
        tokens = sum(len(text["token_ids"]) for text in texts)
        self.progress.samples += texts
        self.progress.sampling.append({"step": self.progress.step, "sampled_per_second": tokens / seconds})

    def _finished(self) -> bool:
        """Whether the last step is done, or the patience of early stopping is exhausted."""
        progress, patience = self.progress, self.settings.early_stopping
        if progress.step == self.settings.steps:
            return True
        if patience is None or not progress.history or progress.history[-1]["step"] != progress.step:
            return False
        return len(progress.history) - 1 - progress.history.index(progress.best()) >= patience

    def _due(self, every: int, records: list[dict[str, Any]]) -> bool:
        step = self.progress.step
        done = bool(records) and records[-1]["step"] == step
        return not done and (step % every == 0 or self._finished())

    def _evaluate(self) -> None:
        progress = self.progress
        row = {"step": progress.step, **self._training_columns(), **self._validation_columns()}
        row["folded"] = None if self.data.text_bytes is None else self.data.text_bytes.folded
        row["learning_rate"] = learning_rate(
            self.settings, progress.step, [*progress.validation_losses(), row["validation_loss"]]
        )
        progress.speed.append(self._speed(row["tokens_seen"]))
        progress.history.append(row)
        if progress.best() is row:
            self.best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self._log_evaluation(row, progress.speed[-1]["tokens_per_second"])
        if self.data.train_evaluation is not None and self._finished():
            self._mean_loss("train", self.data.train_evaluation())

    def _training_columns(self) -> dict[str, Any]:
        """The history's columns on the steps since the last evaluation, means over their targets; resets what was collected."""
        last_row = self.progress.history[-1] if self.progress.history else {"step": 0, "tokens_seen": 0}
        targets = [sum(self.data.train.targets(step)) for step in range(last_row["step"], self.progress.step)]
        losses = self._finite_losses()
        nats = math.fsum(loss * count for loss, count in zip(losses, targets, strict=True)) if losses else None
        bytes_since = int(torch.stack(self._bytes).sum()) if self._bytes else 0
        self._losses.clear()
        self._bytes.clear()
        return {
            "tokens_seen": last_row["tokens_seen"] + sum(targets),
            "train_loss": None if nats is None else nats / sum(targets),
            "train_bits_per_byte": bits_per_byte(nats, self._text_bytes("train", bytes_since)),
        }

    def _validation_columns(self) -> dict[str, Any]:
        """The history's columns on the validation batches."""
        loss, batches = self._validation_loss(), self.data.validation
        targets = sum(int((targets != IGNORED).sum()) for _, targets in batches)
        size = self._text_bytes("validation", sum(int(self._target_bytes(*batch)) for batch in batches))
        return {"validation_loss": loss, "validation_bits_per_byte": bits_per_byte(loss * targets, size)}

    def _target_bytes(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Bytes of a batch's targets, a scalar tensor; 0 without :class:`TextBytes`."""
        if self.data.text_bytes is None:
            return torch.zeros((), dtype=torch.int64, device=targets.device)
        return self.data.text_bytes.decoded_bytes(inputs, targets)

    def _text_bytes(self, split: str, target_bytes: int) -> float:
        """Bytes of a split's original text behind targets of so many bytes."""
        return 0.0 if self.data.text_bytes is None else target_bytes * self.data.text_bytes.shares[split]

    def _speed(self, tokens_seen: int) -> dict[str, Any]:
        """The row of ``speed.csv``: tokens per second since the row before."""
        progress = self.progress
        seconds, seen = (progress.speed[-1]["seconds"], progress.history[-1]["tokens_seen"]) if progress.speed else (0.0, 0)
        speed = (tokens_seen - seen) / (progress.seconds - seconds) if tokens_seen > seen else None
        return {"step": progress.step, "seconds": progress.seconds, "tokens_per_second": speed}

    def _log_evaluation(self, row: dict[str, Any], speed: float | None) -> None:
        """Log an evaluation."""
        train = "" if row["train_loss"] is None else f"training loss {row['train_loss']:.4f}, "
        best = " (best so far)" if self.progress.best() is row else ""
        pace = f", {speed:,.0f} tokens/s" if speed else ""
        validation = f"validation loss {row['validation_loss']:.4f}"
        log.info("step %d of %d: %s%s%s%s", row["step"], self.settings.steps, train, validation, best, pace)

    def _validation_loss(self) -> float:
        """Mean loss in nats per token over the validation batches, without dropout."""
        return self._mean_loss("validation", self.data.validation)

    @torch.inference_mode()
    def _mean_loss(self, split: str, batches: list[Batch]) -> float:
        """Mean loss in nats per token over batches, without dropout; the losses of single blocks or documents are kept."""
        self.model.eval()
        nats = [self._loss(inputs, targets, "none").view_as(targets).sum(1) for inputs, targets in batches]
        self.model.train()
        target_counts = [(targets != IGNORED).sum(1) for _, targets in batches]
        losses = Losses.from_units(split, self.progress.step, torch.cat(nats).tolist(), torch.cat(target_counts).tolist())
        if not math.isfinite(losses.mean):
            raise self._diverged(self.progress.step, {"train": "training"}.get(split, split))
        self.progress.losses.append(losses.to_dict())
        return losses.mean

    def _finite_losses(self) -> list[float]:
        """The training losses since the last evaluation, read from the device."""
        losses = torch.stack(self._losses).tolist() if self._losses else []
        for step, loss in enumerate(losses, start=self.progress.step - len(losses) + 1):
            if not math.isfinite(loss):
                raise self._diverged(step, "training")
        return losses

    def _diverged(self, step: int, kind: str) -> UserError:
        rate = learning_rate(self.settings, max(0, step - 1), self.progress.validation_losses())
        return UserError(
            f"the {kind} loss is not a finite number at step {step} (learning rate {rate:g}): "
            "lower training.learning_rate, or set training.clip or training.schedule.warmup"
        )

    def _save(self, state: State) -> None:
        with self._untimed():
            self._finite_losses()  # a diverged run is not worth resuming: the checkpoint before stays
            state.save(self.progress.step, *self.capture())

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        """Exclude the time of the block from the training time."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize()
        self.progress.seconds += time.perf_counter() - self._resumed_at
        yield
        self._resumed_at = time.perf_counter()


@contextmanager
def _out_of_memory_as_error(settings: Training) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one sentence for the user."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU's memory does not hold a batch of {settings.batch} {settings.reading}: lower training.batch and raise "
            f"training.accumulation by the same factor ({str(error).partition('. ')[0]})"
        ) from None


def _with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose name begins with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@torch.no_grad()
def _copy_weights(values: dict[str, torch.Tensor], parameters: dict[str, torch.Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
