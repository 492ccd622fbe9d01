"""The learning rate as a function of the step and of the validation losses so far."""

from __future__ import annotations

import pytest
import torch
import transformers

from relab.settings.models import Training
from relab.training.optimization import learning_rate


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
    assert {learning_rate(training(), step) for step in range(21)} == {0.5}


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
    found = [learning_rate(settings, step) for step in range(21)]
    assert found == pytest.approx(theirs(make, num_warmup_steps=warmup, **options))


@pytest.mark.parametrize("decay", [-1, 0, 3, 10, 20, 40])
@pytest.mark.parametrize("warmup", [0, 4, 12])
def test_a_linear_decay_ends_where_transformers_ends_it(decay, warmup):
    """-1 is what the lab sheet on GPT-2 passes (row C3): the rate is 0 from the end of warm-up on."""
    settings = training(kind="linear", warmup=warmup, decay_steps=decay)
    make = transformers.get_linear_schedule_with_warmup
    expected = theirs(make, num_warmup_steps=warmup, num_training_steps=decay)
    found = [learning_rate(settings, step) for step in range(21)]
    assert found == pytest.approx(expected)
    if decay == -1:
        assert not any(found[warmup:])


def test_a_linear_decay_ends_at_its_minimum():
    settings = training(kind="linear", minimum=0.2)
    assert [learning_rate(settings, step) for step in (0, 10, 20)] == pytest.approx([0.5, 0.3, 0.1])


def test_a_warm_up_longer_than_the_training_only_rises():
    settings = training(kind="linear", warmup=40)
    assert [learning_rate(settings, step) for step in (0, 20)] == pytest.approx([0, 0.25])


LOSSES = [3.0, 2.5, 2.6, 2.5, 2.4999, 2.49, 2.6, 2.6, 2.6, 2.6, 2.4, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.39, 2.4]


@pytest.mark.parametrize(("factor", "patience", "minimum"), [(0.3, 2, 0.0), (0.5, 0, 0.0), (0.3, 10, 0.0), (0.3, 1, 0.2)])
def test_plateaus_are_those_of_pytorch(factor, patience, minimum):
    settings = training(kind="plateau", factor=factor, patience=patience, minimum=minimum)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience, min_lr=0.5 * minimum)
    for number, loss in enumerate(LOSSES, start=1):
        peer.step(loss)
        assert learning_rate(settings, 7, LOSSES[:number]) == pytest.approx(peer.get_last_lr()[0])
    assert patience == 10 or learning_rate(settings, 7, LOSSES) < 0.5


def test_a_plateau_counts_after_warm_up():
    settings = training(kind="plateau", warmup=4)
    assert [learning_rate(settings, step, [1.0]) for step in (0, 2, 4, 19)] == pytest.approx([0, 0.25, 0.5, 0.5])
