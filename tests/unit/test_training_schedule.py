"""The learning rate as a function of the step."""

from __future__ import annotations

import pytest
import torch
import transformers

from relab.settings.models import Training
from relab.training.schedule import rate


def training(**schedule) -> Training:
    return Training(steps=20, batch=1, learning_rate=0.5, evaluation={"every": 1, "blocks": 1}, schedule=schedule)


def theirs(make, **options) -> list[float]:
    """The learning rates of one of Transformers' schedules at steps 0 to 20."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = make(optimizer, **options)
    rates = []
    for _ in range(21):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def test_a_constant_rate_is_constant():
    assert {rate(training(), step) for step in range(21)} == {0.5}


@pytest.mark.parametrize("warmup", [0, 4])
@pytest.mark.parametrize(
    "kind, minimum, make, options",
    [
        ("constant", 0.0, transformers.get_constant_schedule_with_warmup, {}),
        ("linear", 0.0, transformers.get_linear_schedule_with_warmup, {"num_training_steps": 20}),
        ("cosine", 0.0, transformers.get_cosine_schedule_with_warmup, {"num_training_steps": 20}),
        (
            "cosine", 0.1, transformers.get_cosine_with_min_lr_schedule_with_warmup,
            {"num_training_steps": 20, "min_lr_rate": 0.1},
        ),
    ],
)  # fmt: skip
def test_schedules_are_those_of_transformers(kind, minimum, warmup, make, options):
    settings = training(kind=kind, warmup=warmup, minimum=minimum)
    found = [rate(settings, step) for step in range(21)]
    assert found == pytest.approx(theirs(make, num_warmup_steps=warmup, **options))


def test_a_linear_decay_ends_at_its_minimum():
    settings = training(kind="linear", minimum=0.2)
    assert [rate(settings, step) for step in (0, 10, 20)] == pytest.approx([0.5, 0.3, 0.1])


def test_a_warm_up_longer_than_the_training_only_rises():
    settings = training(kind="linear", warmup=40)
    assert [rate(settings, step) for step in (0, 20)] == pytest.approx([0, 0.25])
