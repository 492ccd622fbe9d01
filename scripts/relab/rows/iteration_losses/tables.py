"""Tables of losses by iteration, and the curves that the figure is drawn from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from relab.cells import format_fixed
from relab.rows.iteration_losses.names import BASELINES
from relab.rows.job import MAIN, Job
from relab.rows.shared.experiments import MODEL
from relab.rows.shared.histories import BITS, LOSSES, curve_rows, read_history, text_read
from relab.rows.shared.losses import LOSS, at
from relab.scores import Summaries

#: Decimals of losses, nats per token and bits per byte.
DIGITS = 4

#: Histories by seed, ascending.
Histories = Mapping[int, pd.DataFrame]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    experiment, models = job.spec["experiment"], job.spec["models"]
    scores = Summaries.read(job.file("scores"))
    paths = job.by_name("histories", models)
    histories = {seed: read_history(paths[model]) for model, seed in sorted(models.items(), key=lambda pair: pair[1])}
    curves = curve_table(histories)
    if job.spec["grammar"]:
        curves = curves.assign(**baseline_columns(experiment, scores))
    return {MAIN: losses_table(f"{experiment}/{MODEL}", histories, job.spec["every"], scores), "curve": curves}


def losses_table(experiment: str, histories: Histories, every: int, scores: Summaries) -> pd.DataFrame:
    """A row each ``every`` iterations and at the last one: means over seeds, with ``_low`` and ``_high`` of losses.

    The training loss is the mean since the evaluation before, with dropout on; there is none before the first iteration.
    """
    steps = next(iter(histories.values())).index
    rows = []
    for step in [step for step in steps if step % every == 0 or step == steps[-1]]:
        bits = [history.loc[step, BITS["validation"]] for history in histories.values()]
        cells = {
            **scores.cells("train_loss", experiment, at(LOSS, step), "train", DIGITS),
            **scores.cells("validation_loss", experiment, at(LOSS, step), "validation", DIGITS),
            "bits_per_byte": format_fixed(float(np.mean(bits)), DIGITS),
        }
        rows.append({"iteration": step, **cells, "text": text_read(histories.values()), "seeds": len(histories)})
    return pd.DataFrame(rows)


def curve_table(histories: Histories) -> pd.DataFrame:
    """Every evaluation of every seed's model; columns ``seed, step, train_loss, validation_loss``."""
    columns = (LOSSES["train"], LOSSES["validation"])
    return pd.concat([curve_rows(history, {"seed": seed}, columns) for seed, history in histories.items()], ignore_index=True)


def baseline_columns(experiment: str, scores: Summaries) -> dict[str, str]:
    """The losses that need no training, the same in every row of the curves."""
    return {
        column: format_fixed(scores.value(f"{experiment}/{system}", metric, split), DIGITS)
        for column, (system, metric, split) in BASELINES.items()
    }
