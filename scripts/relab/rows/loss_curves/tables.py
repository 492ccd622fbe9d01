"""Tables of losses: the curves that the figure is drawn from, and where each group of models ended and was best.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from safetensors import safe_open

from relab.cells import fixed
from relab.rows.job import MAIN, Job
from relab.rows.loss_curves.names import BEST_STEP
from relab.rows.shared.histories import LOSSES, read_history
from relab.rows.shared.losses import BEST, BITS_PER_BYTE, FINAL, GAP
from relab.rows.shared.sweeps import Group, Sweep, groups
from relab.scores import Summaries, read_scores
from relab.settings.base import Settings

#: Decimals of losses (nats per token, bits per byte).
DIGITS = 4


class CorpusTitle(Settings):
    """How readers know a corpus."""

    name: str = Field(description="The corpus.")
    title: str = Field(description="What tables and figures call it.")


class TableSpec(Sweep):
    """Settings of the job that writes the tables."""

    corpora: list[CorpusTitle] = Field(description="The corpora in the order of the figure's panels.", min_length=1)


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``.

    Raises:
        UserError: a file that is missing or not asked for; a score that is missing.
    """
    spec = job.settings(TableSpec)
    histories, weights = (job.by_name(name, spec.models) for name in ("histories", "weights"))
    found = groups(spec.models)
    shown = [(group, corpus.title) for corpus in spec.corpora for group in found if group.corpus == corpus.name]
    scores = Summaries(read_scores(job.file("scores")), job.file("scores"))
    return {
        MAIN: loss_curves(shown, {model: read_history(path) for model, path in histories.items()}),
        "final_losses": final_losses(
            [group for group, _ in shown], scores, {name: parameters(weights[name]) for name in weights}
        ),
    }


def loss_curves(groups: Sequence[tuple[Group, str]], histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every evaluation of every model, of groups with the titles of their corpora.

    Columns: ``corpus, title, model``, the varied keys, ``seed, step``, both losses.
    """
    parts = []
    for group, title in groups:
        names = {"corpus": group.corpus, "title": title, "model": group.label, **group.varied}
        for seed, model in group.members.items():
            history = histories[model]
            losses = {loss: history[loss].map(_loss) for loss in (LOSSES["train"], LOSSES["validation"])}
            parts.append(pd.DataFrame({**names, "seed": seed, "step": history.index, **losses}))
    return pd.concat(parts, ignore_index=True)


def final_losses(groups: Sequence[Group], scores: Summaries, sizes: Mapping[str, int]) -> pd.DataFrame:
    """A group a row: where training ended and where it was best, means over seeds; ``sizes`` in parameters.

    ``_low`` and ``_high`` are 95 % intervals over seeds and segments of text; ``gap`` is the validation loss less the training
    loss, both measured without dropout.
    """
    return pd.DataFrame([_final(group, scores, sizes) for group in groups])


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


def parameters(weights: Path) -> int:
    """Number of parameters in a safetensors file, from its header alone."""
    with safe_open(weights, framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def _loss(value: float) -> str:
    return fixed(value, DIGITS)
