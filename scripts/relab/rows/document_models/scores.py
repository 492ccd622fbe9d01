"""Scores of models of documents: the losses of every evaluation, their sizes, what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from relab.files import short_digest
from relab.rows.document_models.names import BEST_BITS, EPOCHS, LAST, PARAMETERS, SEEN, Spec
from relab.rows.job import Job
from relab.rows.shared.histories import BITS
from relab.rows.shared.losses import BEST_STEP, Training, loss_scores, trainings
from relab.scores import Row, exact, score
from relab.tokens.store import Tokens
from relab.weight_files import count_parameters


def score_models(job: Job) -> dict[str, Any]:
    """The step ``score``; its data is the training text as the models read it."""
    spec = job.settings(Spec)
    histories, losses, weights = (job.by_name(name, spec.seeds) for name in ("histories", "losses", "weights"))
    sizes = {name: count_parameters(path) for name, path in weights.items()}
    documents, data = Tokens(job.file("tokens")), short_digest(job.file("tokens"))
    return {"scores": model_scores(spec, documents, trainings(histories, losses), sizes, data)}


def model_scores(
    spec: Spec, documents: Tokens, trained: Mapping[str, Training], sizes: Mapping[str, int], data: str
) -> Iterator[Row]:
    """All scores.

    Args:
        documents: the training text.
        trained: what each training left, by model.
        sizes: the parameters of each model.
        data: the digest of the corpus.
    """
    for model, seed in spec.seeds.items():
        training, history = trained[model], trained[model].history
        yield from loss_scores(spec.experiment, seed, training, dict.fromkeys(("train", "validation"), data))
        yield score(spec.experiment, seed, "validation", BEST_BITS, history[BITS["validation"]].min(), data)
        yield score(spec.experiment, seed, "validation", BEST_STEP, training.best, data)
        seen = history["tokens_seen"].iloc[-1]
        epochs = seen / targets(documents, spec.architecture.block)
        for metric, value in {PARAMETERS: sizes[model], SEEN: seen, EPOCHS: epochs, LAST: training.last}.items():
            yield exact(spec.experiment, seed, "validation", metric, value, data)


def targets(documents: Tokens, block: int) -> int:
    """Tokens that are to be predicted in one pass over all documents, each cut to a block."""
    return int(np.clip(documents.lengths - 1, 0, block).sum())
