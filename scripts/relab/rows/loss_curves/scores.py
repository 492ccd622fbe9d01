"""Scores of losses: of every training at its start, at its best step and at its end.

Experiments are ``{corpus}/{varied keys}`` such as ``italian/width 32``. Losses are in nats per token, split ``train`` or
``validation``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relab.files import short_digest
from relab.rows.job import Job
from relab.rows.shared.histories import LOSSES
from relab.rows.shared.losses import BEST_STEP, Training, loss_scores, trainings
from relab.rows.shared.sweeps import Group, Sweep, groups
from relab.scores import Row, score
from relab.statistics import NAN


def score_losses(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    models = job.settings(Sweep).models
    corpora = {model.corpus for model in models.values()}
    read = trainings(job.by_name("histories", models), job.by_name("losses", models))
    texts = {split: job.by_name(split, corpora) for split in ("train", "validation")}
    digests = {corpus: {split: short_digest(paths[corpus]) for split, paths in texts.items()} for corpus in corpora}
    return {"scores": [row for group in groups(models) for row in group_scores(group, read, digests[group.corpus])]}


def group_scores(group: Group, trainings: Mapping[str, Training], data: Mapping[str, str]) -> Iterator[Row]:
    """The losses of the models of a group, and where each is best; ``data`` are digests of its corpus by split."""
    for seed, model in group.members.items():
        training = trainings[model]
        yield from loss_scores(group.experiment, seed, training, data, steps=())
        best = training.best if training.history[LOSSES["validation"]].notna().any() else NAN
        yield score(group.experiment, seed, "validation", BEST_STEP, best, data["validation"])
