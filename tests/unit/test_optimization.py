"""Optimizers, schedules and number formats of a training by name."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from support.objectives import OBJECTIVES
from torch import nn

from relab.errors import UserError
from relab.settings.base import check
from relab.settings.models import Schedule, Training
from relab.training import job
from relab.training.optimization import OPTIMIZERS, SCHEDULES
from relab.training.optimizer import optimizer
from relab.training.signals import StopSignal
from relab.training.state import State

TRAINING = {"steps": 9, "batch": 4, "learning_rate": 0.01, "evaluation": {"every": 3, "blocks": 4}}
PEERS = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, betas=(0.8, 0.9), weight_decay=0.1),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.8, 0.9), weight_decay=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.7, weight_decay=0.1),
}


def stepped(matrix: nn.Linear, make) -> torch.Tensor:
    """The weights after three steps, from the same ones."""
    with torch.no_grad():
        matrix.weight.copy_(torch.linspace(-1, 1, 12).view(3, 4))
    chosen = make(matrix)
    for step in range(3):
        chosen.zero_grad()
        (matrix(torch.full((1, 4), 1.0 + step)) ** 2).sum().backward()
        chosen.step()
    return matrix.weight.detach().clone()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_of_a_name_is_pytorchs(name):
    settings = Training(**TRAINING, optimizer=name, betas=(0.8, 0.9), momentum=0.7, weight_decay=0.1)
    matrix = nn.Linear(4, 3, bias=False)
    ours = stepped(matrix, lambda layer: optimizer(layer, settings))
    torch.testing.assert_close(ours, stepped(matrix, lambda layer: PEERS[name](layer.parameters())))


def test_no_two_optimizers_are_the_same():
    matrix = nn.Linear(4, 3, bias=False)
    weights = [
        stepped(matrix, lambda layer, name=name: optimizer(layer, Training(**TRAINING, optimizer=name, weight_decay=0.1)))
        for name in OPTIMIZERS
    ]
    assert all(not torch.allclose(these, those) for index, these in enumerate(weights) for those in weights[:index])


def test_the_settings_take_what_has_an_entry_and_nothing_else():
    assert get_args(Training.model_fields["optimizer"].annotation) == tuple(OPTIMIZERS)
    assert get_args(Schedule.model_fields["kind"].annotation) == tuple(SCHEDULES)
    with pytest.raises(UserError, match="'adamw', 'adam' or 'sgd', found 'adamv'"):
        check(Training, {**TRAINING, "optimizer": "adamv"}, "training")


def train(trainer, folder, stop_after: int | None = None) -> None:
    stop, update = StopSignal(), trainer.update

    def counted() -> None:
        update()
        stop.signal = "SIGINT" if trainer.progress.step == stop_after else None

    trainer.update = counted
    folder.mkdir(exist_ok=True)
    job.run(trainer, State(folder, 1e9), stop, code="")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_resumed_bit_for_bit(name, tmp_path):
    """At the first step SGD has no momentum yet."""
    objective = OBJECTIVES["next token of documents"]
    unbroken = objective.trainer(optimizer=name)
    train(unbroken, tmp_path / "unbroken")
    for step in (1, 5):
        with pytest.raises(UserError, match="stopped"):
            train(objective.trainer(optimizer=name), tmp_path / "broken", step)
        resumed = objective.trainer(optimizer=name, seed=9)
        train(resumed, tmp_path / "broken")
        assert resumed.progress.history == unbroken.progress.history
        for path in (tmp_path / "broken").iterdir():
            path.unlink()


@pytest.mark.parametrize("name", ["next token of documents", "classification", "sequence to sequence"])
def test_bfloat16_multiplies_in_it_and_keeps_weights_in_float32(name, tmp_path):
    losses = {}
    for precision in ("auto", "float32", "bfloat16"):
        trainer = OBJECTIVES[name].trainer(precision=precision, dropout=0.0)
        train(trainer, tmp_path / precision)
        assert all(parameter.dtype == torch.float32 for parameter in trainer.model.parameters())
        assert job.training_summary(trainer)["precision"] == ("bfloat16" if precision == "bfloat16" else "float32")
        losses[precision] = [row["validation_loss"] for row in trainer.progress.history]
    assert losses["auto"] == losses["float32"], "a CPU is not slowed down unasked"
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.03)
