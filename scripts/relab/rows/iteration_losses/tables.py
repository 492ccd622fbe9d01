"""Tables of losses by iteration, and the curves that the figure is drawn from.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from relab.cells import fixed
from relab.rows.iteration_losses.names import BASELINES, TableSpec
from relab.rows.job import MAIN, Job
from relab.rows.shared.experiments import MODEL
from relab.rows.shared.histories import BITS, LOSSES, read_history, text_read
from relab.rows.shared.losses import LOSS, at
from relab.scores import Summaries, read_scores

#: Decimals of losses, nats per token and bits per byte.
DIGITS = 4

#: Histories by seed, ascending.
Histories = Mapping[int, pd.DataFrame]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``.

    Raises:
        UserError: a history that is missing or cannot be read, a score that is missing.
    """
    spec = job.settings(TableSpec)
    scores = Summaries(read_scores(job.file("scores")), job.file("scores"))
    paths = job.by_name("histories", spec.models)
    histories = {seed: read_history(paths[model]) for model, seed in sorted(spec.models.items(), key=lambda pair: pair[1])}
    curve = curve_table(histories)
    if spec.grammar:
        curve = curve.assign(**baseline_columns(spec.experiment, scores))
    return {MAIN: losses_table(f"{spec.experiment}/{MODEL}", histories, spec.every, scores), "curve": curve}


def losses_table(experiment: str, histories: Histories, every: int, scores: Summaries) -> pd.DataFrame:
    """A row each ``every`` iterations and at the last one: means over seeds, with ``_low`` and ``_high`` of losses.

    The training loss is the mean since the evaluation before, with dropout on; there is none before the first iteration.

    Raises:
        UserError: a score that is missing.
    """
    steps = next(iter(histories.values())).index
    rows = []
    for step in [step for step in steps if step % every == 0 or step == steps[-1]]:
        bits = [history.loc[step, BITS["validation"]] for history in histories.values()]
        cells = {
            **scores.cells("train_loss", experiment, at(LOSS, step), "train", DIGITS),
            **scores.cells("validation_loss", experiment, at(LOSS, step), "validation", DIGITS),
            "bits_per_byte": fixed(float(np.mean(bits)), DIGITS),
        }
        rows.append({"iteration": step, **cells, "text": text_read(histories.values()), "seeds": len(histories)})
    return pd.DataFrame(rows)


def curve_table(histories: Histories) -> pd.DataFrame:
    """Every evaluation of every seed's model; columns ``seed, step, train_loss, validation_loss``."""
    columns = (LOSSES["train"], LOSSES["validation"])
    parts = [
        pd.DataFrame(
            {
                "seed": seed,
                "step": history.index,
                **{column: [fixed(loss, DIGITS) for loss in history[column]] for column in columns},
            }
        )
        for seed, history in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)


def baseline_columns(experiment: str, scores: Summaries) -> dict[str, str]:
    """The losses that need no training, the same in every row of the curves.

    Raises:
        UserError: a score that is missing.
    """
    return {
        column: fixed(scores.value(f"{experiment}/{system}", metric, split), DIGITS)
        for column, (system, metric, split) in BASELINES.items()
    }
