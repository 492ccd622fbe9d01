"""The learning rates of a write-up's schedule beside those that were meant.

Transformers' ``get_linear_schedule_with_warmup`` called with ``num_training_steps=-1``, say, has a rate of 0 after warm-up.
Experiments are ``{name of the row}/meant`` and ``{name of the row}/sheet``, their split is ``schedule``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.rows.finetuned.names import MEANT, WRITEUP, RatesSpec
from relab.rows.job import Job
from relab.scores import NAN, Row, exact
from relab.training.optimization import learning_rate

SPLIT = "schedule"
AFTER, MEAN = "share of steps after warm-up with a rate above 0", "mean learning rate"


def tabulate(job: Job) -> dict[str, Any]:
    """The step ``schedule``."""
    spec = job.settings(RatesSpec)
    rates = rates_table(spec)
    return {"rates": rates, "rates_scores": rates_scores(spec, rates)}


def rates_table(spec: RatesSpec) -> pd.DataFrame:
    """The learning rate of the update that follows so many finished steps, a step a row: ``meant`` and ``sheet``."""
    writeup = spec.training.model_copy(update={"schedule": spec.writeup_schedule})
    steps = range(spec.training.steps)
    trainings = {MEANT: spec.training, WRITEUP: writeup}
    return pd.DataFrame(
        {
            "step": steps,
            **{name: [f"{learning_rate(training, step):.6g}" for step in steps] for name, training in trainings.items()},
        }
    )


def rates_scores(spec: RatesSpec, rates: pd.DataFrame) -> Iterator[Row]:
    """How many of the steps after warm-up change anything, and the mean rate."""
    for name, schedule in ((MEANT, spec.training.schedule), (WRITEUP, spec.writeup_schedule)):
        values = rates[name].astype(float)
        after = values[schedule.warmup :]
        moving = (after > 0).mean() if len(after) else NAN
        yield exact(f"{spec.name}/{name}", 0, SPLIT, AFTER, moving)
        yield exact(f"{spec.name}/{name}", 0, SPLIT, MEAN, values.mean())
