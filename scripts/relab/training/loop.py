"""The training loop.

It knows nothing of files, and not what a network is trained for: a network, an objective and settings come in; a trained
network and its history come out. Batches, losses and evaluations are the objective's, see :mod:`relab.training.objectives`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm
from transformers import PreTrainedModel

from relab import precision
from relab.errors import UserError
from relab.settings.models import StepwiseTraining
from relab.training import sharding, snapshots
from relab.training.losses import Losses
from relab.training.objectives.objective import BatchLoss, Objective
from relab.training.optimization import learning_rate
from relab.training.optimizer import optimizer
from relab.training.processes import ALONE, Processes, without_averaging
from relab.training.random_states import random_states, restore_random_states
from relab.training.signals import StopSignal
from relab.training.snapshots import copy_weights, with_prefix
from relab.training.state import State

log = logging.getLogger("relab.training")

Measured = TypeVar("Measured")


@dataclass
class Progress:
    """The part of a checkpoint that is not tensors. ``seconds`` is time spent on training steps, over all attempts."""

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)  #: of single units, see relab.training.losses
    speed: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    sampling: list[dict[str, Any]] = field(default_factory=list)  #: how fast texts were sampled, a step a row
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def validation_losses(self) -> list[float]:
        """The validation losses so far."""
        return [row["validation_loss"] for row in self.history]


class Trainer:
    """Trains a network for an objective.

    The loss of a step is the mean over its items, however many of them a batch has. Dropout draws from torch's global random
    state, which is part of a checkpoint; nothing else in the loop touches it, so the frequency of evaluation, sampling and
    saving changes no weight. In the precision bfloat16 matrices are multiplied in it and weights stay float32. Losses stay on
    the device until an evaluation reads them.

    Args:
        model: the network, on ``device``.
        objective: what it is trained for.
        settings: steps, optimizer, when to evaluate and to sample.
        sampler: returns the records of the texts sampled at a step; None where there are none.
        device: where the network runs.
        evaluate_at: the steps at which it is evaluated beside the first and the last; None: as the settings say.
        processes: the processes that train it together.
        rate_scales: multiples of the learning rate by the beginning of parameters' names, such as that of a new head.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        objective: Objective,
        settings: StepwiseTraining,
        *,
        sampler: Callable[[int], list[dict[str, Any]]] | None = None,
        device: torch.device,
        evaluate_at: Collection[int] | None = None,
        processes: Processes = ALONE,
        rate_scales: Mapping[str, float] | None = None,
    ):
        processes.check_batch(settings.batch)
        self.model = model.train()
        if settings.gradient_checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})  # the other kind wants inputs that are trained
        if settings.sharded:
            sharding.shard(model, processes, device)
        self.objective = objective
        self.settings = settings
        self.sampler = sampler
        self.device = device
        self.processes = processes
        self.precision = precision.resolve(settings.precision, device)
        self.parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.optimizer = optimizer(model, settings, rate_scales)
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] = {}
        self._network = model if settings.sharded else processes.averaging(model, device)
        self._evaluate_at = evaluate_at
        self._losses: list[torch.Tensor] = []  # of the steps since the last evaluation, this process's part
        self._totals: dict[str, list[torch.Tensor]] = {}  # likewise, what the objective sums up
        self._resumed_at = time.perf_counter()

    def run(self, state: State, stop: StopSignal) -> None:
        """Train to the last step, or until early stopping, and write a checkpoint there.

        Raises:
            UserError: a signal asked to stop (a checkpoint is written first), a loss is not a finite number, the GPU's
                memory is too small.
        """
        steps, progress = self.settings.steps, self.progress
        bar = tqdm(total=steps, initial=progress.step, unit="step", disable=None)
        with bar, logging_redirect_tqdm([log]), _out_of_memory_as_error(self.settings, self.objective):
            self._resumed_at = time.perf_counter()
            while True:
                self._evaluate_and_sample()
                if self._finished():
                    break
                signal_name, checkpoint_due = self._asked_for(stop, state)
                if signal_name or checkpoint_due:
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

    def _asked_for(self, stop: StopSignal, state: State) -> tuple[str | None, bool]:
        """The signal that asks any of the processes to stop, and whether a checkpoint is due by the first one's clock."""
        due = self.processes.first and state.checkpoint_due()
        signalled, due = self.processes.sums([stop.signal is not None, due])
        names = filter(None, self.processes.gathered(stop.signal)) if signalled else ()  # the same for all of them
        return next(iter(names), None), bool(due)

    def update(self) -> None:
        """One optimizer step."""
        settings, step = self.settings, self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate_scale"] * learning_rate(settings, step, self.progress.validation_losses())
        losses: list[torch.Tensor] = []
        totals: dict[str, list[torch.Tensor]] = {}
        self.objective.prepare(step)
        items = self.objective.items(step)
        all_items = self.processes.total(sum(items))
        for number, (items_in_batch, batch) in enumerate(zip(items, self.objective.batches(step), strict=True), start=1):
            with without_averaging(self._network) if number < len(items) else nullcontext():
                result = self._loss(batch)
                # the mean over all items of the step, however many of them each batch has, and each process
                loss = result.mean / (all_items / items_in_batch) if items_in_batch else result.mean * 0
                (loss * self.processes.count if self.processes.count > 1 else loss).backward()
            losses.append(loss.detach())
            for name, value in result.totals.items():
                totals.setdefault(name, []).append(value if items_in_batch else torch.zeros_like(value))
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._losses.append(torch.stack(losses).sum())
        for name, values in totals.items():
            self._totals.setdefault(name, []).append(torch.stack(values).sum())
        self.progress.step += 1

    def gather(self) -> None:
        """Put a network that is divided among the processes together again, to be written; all of them call it."""
        if self.settings.sharded:
            self.best = {name: sharding.whole(value).cpu() for name, value in self.best.items()}
            sharding.gather(self.model)
            self.parameters = dict(self.model.named_parameters())

    def load_best(self) -> None:
        """Put the best weights into the network."""
        copy_weights(self.best, self.parameters)

    def capture(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The state of training for a checkpoint: tensors by name, and the progress as JSON.

        Where several processes train, each must call it: what each has a part of is put together.
        """
        tensors = snapshots.capture_weights(self.parameters, self.best, self.optimizer)
        for rank, states in enumerate(self.processes.gathered(random_states(self.device))):
            tensors |= {f"random.{rank}.{kind}": value for kind, value in states.items()}
        tensors["losses"] = self._summed(self._losses)
        tensors |= {f"totals.{name}": self._summed(values) for name, values in self._totals.items()}
        tensors |= {f"objective.{name}": value for name, value in self.objective.state().items()}
        return tensors, {**asdict(self.progress), "device": self.device.type}

    def restore(self, tensors: dict[str, torch.Tensor], progress: dict[str, Any]) -> None:
        """Restore what :meth:`capture` returned, in a trainer with the same network, data and settings.

        Raises:
            UserError: the checkpoint is of other trained weights.
        """
        best = snapshots.restore_weights(tensors, self.parameters, self.optimizer)
        device = progress.pop("device")
        self.progress = Progress(**progress)
        self.best = {
            name: sharding.like(value.to(self.device, copy=True), self.parameters[name]) for name, value in best.items()
        }
        self._losses = self._own_part(tensors["losses"])
        self._totals = {name: self._own_part(values) for name, values in with_prefix("totals.", tensors).items()}
        self.objective.restore(with_prefix("objective.", tensors))
        if device != self.device.type:
            log.warning("the checkpoint was made on %s: from here on the numbers differ from an unbroken run's", device)
        if states := with_prefix(f"random.{self.processes.rank}.", tensors):
            restore_random_states(states, self.device)

    def _summed(self, values: list[torch.Tensor]) -> torch.Tensor:
        """Scalars of single steps, each summed over the processes, as one tensor ``[steps]``."""
        if not values:
            return torch.empty(0)
        own = torch.stack(values)
        return own if self.processes.count == 1 else own.new_tensor(self.processes.sums(own.tolist()))

    def _own_part(self, values: torch.Tensor) -> list[torch.Tensor]:
        """What this process begins with of values that were summed over all: everything is the first one's."""
        values = values.to(self.device, copy=True)
        return list(values if self.processes.first else torch.zeros_like(values))

    def _loss(self, batch: Any) -> BatchLoss:
        with precision.autocast(self.precision, self.device):
            return self.objective.loss(self._network, batch)

    def _evaluate_and_sample(self) -> None:
        """Evaluate and sample if that is due at this step and not done yet."""
        progress, samples = self.progress, self.settings.samples if self.sampler else None
        if self._due(self._evaluates_at, progress.history):
            with self._untimed():
                self._evaluate()
        if samples and self._due(lambda step: step % samples.every == 0, progress.samples):
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
        return len(progress.history) - 1 - progress.history.index(self.best_row()) >= patience

    def best_row(self) -> dict[str, Any]:
        """The row of the history with the best value of the objective's criterion, the earliest of equals."""
        return self.objective.best(self.progress.history)

    def _evaluates_at(self, step: int) -> bool:
        if self._evaluate_at is None:
            return step % self.settings.evaluation.every == 0
        return step == 0 or step in self._evaluate_at

    def _due(self, is_due: Callable[[int], bool], records: list[dict[str, Any]]) -> bool:
        step = self.progress.step
        done = bool(records) and records[-1]["step"] == step
        return not done and (is_due(step) or self._finished())

    def _evaluate(self) -> None:
        progress = self.progress
        row = {"step": progress.step, **self._training_columns(), **self._validation_columns()}
        row["learning_rate"] = learning_rate(
            self.settings, progress.step, [*progress.validation_losses(), row["validation_loss"]]
        )
        progress.speed.append(self._speed(row[f"{self.objective.item_name}_seen"]))
        progress.history.append(row)
        if self.best_row() is row:
            self.best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self._log_evaluation(row, progress.speed[-1])
        if self._finished():
            self._keep("training", self._evaluating(self.objective.training_losses))

    def _training_columns(self) -> dict[str, Any]:
        """The history's columns on the steps since the last evaluation, means over their items; resets what was collected."""
        seen = f"{self.objective.item_name}_seen"
        last_row = self.progress.history[-1] if self.progress.history else {"step": 0, seen: 0}
        steps = range(last_row["step"], self.progress.step)
        items = [int(count) for count in self.processes.sums([sum(self.objective.items(step)) for step in steps])]
        losses = self._finite_losses()
        nats = math.fsum(loss * count for loss, count in zip(losses, items, strict=True)) if losses else None
        totals = {name: float(self._summed(values).sum()) for name, values in self._totals.items()}
        self._losses.clear()
        self._totals.clear()
        return {
            seen: last_row[seen] + sum(items),
            "train_loss": None if nats is None else nats / sum(items),
            **self.objective.training_columns(self.progress.step, nats, sum(items), totals),
        }

    def _validation_columns(self) -> dict[str, Any]:
        evaluation = self._evaluating(self.objective.evaluate)
        if not math.isfinite(evaluation.columns["validation_loss"]):
            raise self._diverged(self.progress.step, "validation")
        self._keep("validation", evaluation.losses)
        return evaluation.columns

    @torch.no_grad()  # not inference mode, whose tensors a divided network could not use again in training
    def _evaluating(self, measure: Callable[[torch.nn.Module, int], Measured]) -> Measured:
        """What is measured of the network without dropout; by each process for itself."""
        self.model.eval()
        with precision.autocast(self.precision, self.device):
            measured = measure(self.model, self.progress.step)
        self.model.train()
        return measured

    def _keep(self, kind: str, losses: list[Losses]) -> None:
        for part in losses:
            if not math.isfinite(part.mean):
                raise self._diverged(self.progress.step, kind)
            self.progress.losses.append(part.to_dict())

    def _speed(self, seen: int) -> dict[str, Any]:
        """The row of ``speed.csv``: items per second since the row before."""
        progress, items = self.progress, self.objective.item_name
        seconds, before = (progress.speed[-1]["seconds"], progress.history[-1][f"{items}_seen"]) if progress.speed else (0.0, 0)
        speed = (seen - before) / (progress.seconds - seconds) if seen > before else None
        return {"step": progress.step, "seconds": progress.seconds, f"{items}_per_second": speed}

    def _log_evaluation(self, row: dict[str, Any], speed: dict[str, Any]) -> None:
        items, train_loss = self.objective.item_name, row["train_loss"]
        train = "" if train_loss is None else f"training loss {train_loss:.4f}, "
        best = " (best so far)" if self.best_row() is row else ""
        pace = f", {value:,.0f} {items}/s" if (value := speed[f"{items}_per_second"]) else ""
        measured = f"validation loss {row['validation_loss']:.4f}{self.objective.in_words(row)}"
        log.info("step %d of %d: %s%s%s%s", row["step"], self.settings.steps, train, measured, best, pace)

    def _finite_losses(self) -> list[float]:
        """The training losses since the last evaluation, read from the device."""
        losses = self._summed(self._losses).tolist()
        for step, loss in enumerate(losses, start=self.progress.step - len(losses) + 1):
            if not math.isfinite(loss):
                raise self._diverged(step, "training")
        return losses

    def _diverged(self, step: int, kind: str) -> UserError:
        rate = learning_rate(self.settings, max(0, step - 1), self.progress.validation_losses())
        return UserError(
            f"the {kind} loss is not a finite number at step {step} (learning rate {rate:g}): "
            "lower training.learning_rate, or set training.clip or a warm-up"
        )

    def _save(self, state: State) -> None:
        with self._untimed():
            self._finite_losses()  # a diverged run is not worth resuming: the checkpoint before stays
            captured = self.capture()
            if self.processes.first:
                state.save(self.progress.step, *captured)

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        """Exclude the time of the block from the training time."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize()
        self.progress.seconds += time.perf_counter() - self._resumed_at
        yield
        self._resumed_at = time.perf_counter()


@contextmanager
def _out_of_memory_as_error(settings: StepwiseTraining, objective: Objective) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one sentence for the user."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the GPU's memory does not hold a batch of {settings.batch} {objective.batch_unit}: lower training.batch and "
            f"raise training.accumulation by the same factor ({str(error).partition('. ')[0]})"
        ) from None
