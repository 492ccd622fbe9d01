"""C3: the learning rates of the sheet's scheduler beside those that were meant.

The sheet calls ``get_linear_schedule_with_warmup`` with ``num_training_steps=-1``: after warm-up the rate is 0.
Experiments are ``code/meant`` and ``code/sheet``, their split ``schedule``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from relab.chapters.finetuning.names import RatesSpec
from relab.scores import NAN, exact
from relab.training.schedule import rate

SPLIT = "schedule"
AFTER, TOTAL = "share of steps after warm-up with a rate above 0", "mean learning rate"


def rates_table(spec: RatesSpec) -> pd.DataFrame:
    """The learning rate of the update that follows so many finished steps, a step a row: ``meant`` and ``sheet``."""
    sheet = spec.training.model_copy(update={"schedule": spec.sheet})
    steps = range(spec.training.steps)
    trainings = {"meant": spec.training, "sheet": sheet}
    return pd.DataFrame(
        {"step": steps, **{name: [f"{rate(one, step):.6g}" for step in steps] for name, one in trainings.items()}}
    )


def rates_scores(spec: RatesSpec, rates: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """How many of the steps after warm-up change anything, and the mean rate."""
    for name, schedule in (("meant", spec.training.schedule), ("sheet", spec.sheet)):
        values = rates[name].astype(float)
        after = values[schedule.warmup :]
        moving = (after > 0).mean() if len(after) else NAN
        yield exact(f"code/{name}", 0, SPLIT, AFTER, moving)
        yield exact(f"code/{name}", 0, SPLIT, TOTAL, values.mean())
