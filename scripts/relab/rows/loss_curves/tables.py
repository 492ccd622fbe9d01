"""Tables of losses: the curves that the figure is drawn from, and where each group of models ended and was best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from relab.rows.job import MAIN, Job
from relab.rows.shared.best import LOWER, Ranking, with_best
from relab.rows.shared.histories import LOSSES, curve_rows, read_history
from relab.rows.shared.losses import BEST, BEST_STEP, BITS_PER_BYTE, FINAL, GAP
from relab.rows.shared.sweeps import Group, Sweep, groups
from relab.scores import Summaries
from relab.weight_files import count_parameters

#: Decimals of losses (nats per token, bits per byte).
DIGITS = 4


class TableSpec(Sweep):
    """Settings of the job that writes the tables: the corpora in the order of the figure's panels, each with its title."""

    corpora: list[tuple[str, str]]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(TableSpec)
    histories, weights = (job.by_name(name, spec.models) for name in ("histories", "weights"))
    swept = groups(spec.models)
    shown = [(group, title) for corpus, title in spec.corpora for group in swept if group.corpus == corpus]
    scores = Summaries.read(job.file("scores"))
    return {
        MAIN: loss_curves(shown, {model: read_history(path) for model, path in histories.items()}),
        "final_losses": final_losses(
            [group for group, _ in shown], scores, {name: count_parameters(path) for name, path in weights.items()}
        ),
    }


def loss_curves(groups: Sequence[tuple[Group, str]], histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every evaluation of every model, of groups with the titles of their corpora.

    Columns: ``corpus, title, model``, the varied keys, ``seed, step``, both losses.
    """
    columns, parts = (LOSSES["train"], LOSSES["validation"]), []
    for group, title in groups:
        names = {"corpus": group.corpus, "title": title, "model": group.label, **group.varied}
        parts += [curve_rows(histories[model], {**names, "seed": seed}, columns) for seed, model in group.members.items()]
    return pd.concat(parts, ignore_index=True)


def final_losses(groups: Sequence[Group], scores: Summaries, sizes: Mapping[str, int]) -> pd.DataFrame:
    """A group a row: where training ended and where it was best, means over seeds; ``sizes`` in parameters.

    ``_low`` and ``_high`` are 95 % intervals over seeds and segments of text; ``gap`` is the validation loss less the training
    loss, both measured without dropout.
    """
    rows = [(group.experiment, _final(group, scores, sizes)) for group in groups]
    good = {"validation_loss": Ranking(FINAL, LOWER), "bits_per_byte": Ranking(BITS_PER_BYTE, LOWER)}
    return pd.DataFrame(with_best(rows, scores, good))


def _final(group: Group, scores: Summaries, sizes: Mapping[str, int]) -> dict[str, Any]:
    name = group.experiment
    return {
        "corpus": group.corpus,
        "model": group.label,
        "parameters": sizes[next(iter(group.members.values()))],
        "seeds": len(group.members),
        **scores.cells("validation_loss", name, FINAL, digits=DIGITS),
        **scores.cells("best_loss", name, BEST, digits=DIGITS),
        "best_step": step_range(scores.per_seed(name, BEST_STEP)["value"]),
        **scores.cells("train_loss", name, FINAL, "train", DIGITS),
        **scores.cells("gap", name, GAP, digits=DIGITS),
        **scores.cells("bits_per_byte", name, BITS_PER_BYTE, digits=DIGITS),
    }


def step_range(steps: pd.Series) -> str:
    """Steps of the seeds: ``500``, or ``450–500`` where they differ."""
    known = steps.dropna()
    return "–".join(dict.fromkeys(f"{step:.0f}" for step in (known.min(), known.max()))) if len(known) else ""
