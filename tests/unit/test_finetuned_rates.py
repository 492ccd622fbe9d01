"""The learning rates of a write-up's schedule beside those that were meant."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from support.finetuned_rows import job, summaries

from relab.errors import UserError
from relab.rows.finetuned.figures import draw, draw_rates
from relab.rows.finetuned.rates import AFTER, tabulate

SPEC = {
    "name": "code",
    "training": {
        "steps": 8, "batch": 1, "learning_rate": 0.1, "evaluation": {"every": 1, "blocks": 1},
        "schedule": {"kind": "linear", "warmup": 2},
    },
    "writeup_schedule": {"kind": "linear", "warmup": 2, "decay_steps": -1},
}  # fmt: skip


@pytest.fixture
def rates():
    return tabulate(job({}, SPEC))["rates"]


def test_the_write_ups_rate_is_nothing_after_warm_up(rates):
    assert rates["sheet"].astype(float).tolist() == pytest.approx([0, 0.05, *[0.0] * 6])
    meant = [0, 0.05, *(0.1 * left / 6 for left in range(6, 0, -1))]
    assert rates["meant"].astype(float).tolist() == pytest.approx(meant, rel=1e-5)
    scores = summaries(tabulate(job({}, SPEC))["rates_scores"])
    assert (scores.value("code/sheet", AFTER, "schedule"), scores.value("code/meant", AFTER, "schedule")) == (0, 1)


def test_the_write_ups_rate_is_that_of_transformers_own_schedule(rates):
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=2, num_training_steps=-1)
    expected = []
    for _ in range(8):
        expected.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates["sheet"].astype(float).tolist() == pytest.approx(expected)


def test_the_figure_of_learning_rates(rates, tmp_path):
    curve = pd.DataFrame({"model": ["m"], "seed": [0], "tokens_seen": [1], "train_loss": [2.0], "validation_loss": [2.0]})
    models = pd.DataFrame({"model": ["m"], "how": ["as published"], "parameters": [1], "bits_per_byte": [2.0]})
    models = models.assign(bits_per_byte_low=1.0, bits_per_byte_high=3.0)
    tables = {"curve": curve, "models": models, "rates": rates}
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    figures = draw(job({name: [tmp_path / f"{name}.csv"] for name in tables}, {}))
    assert list(figures) == ["loss", "cost", "rates"]
    (axes,) = figures["rates"].axes
    assert [line.get_ydata().max() for line in axes.lines] == pytest.approx([0.1, 0.05])
    with pytest.raises(UserError, match="the learning rates have no row"):
        draw_rates(rates[:0])
