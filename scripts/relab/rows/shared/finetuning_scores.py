"""Scores of finetuned models beside their base: losses, what is stored, log-probabilities of given texts.

Experiments and metrics are described in :mod:`relab.rows.shared.finetuning_names`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from relab.errors import UserError
from relab.files import short_digest
from relab.judging.storage import Judgement, Judgements
from relab.metrics.perplexity import bits_per_character, corpus_perplexity
from relab.rows.job import Job
from relab.rows.shared import finetuning_names as names
from relab.rows.shared.finetuning_names import Spec
from relab.rows.shared.losses import Training, loss_scores, trainings
from relab.scores import Row, exact, score
from relab.statistics import NAN, Measurement
from relab.weight_files import count_parameters


def training_scores(job: Job, spec: Spec) -> Iterator[Row]:
    """Losses, what was read, and the size of what is stored, from the files of a job."""
    data = {split: short_digest(job.file(split)) for split in ("train", "validation")}
    trained = trainings(job.by_name("histories", spec.models), job.by_name("losses", spec.models))
    yield from learning_scores(spec, trained, data)
    yield from storage_scores(spec, job.by_name("weights", spec.with_base))


def learning_scores(spec: Spec, trained: Mapping[str, Training], data: Mapping[str, str]) -> Iterator[Row]:
    """Losses and what was read; ``trained`` is by model, ``data`` are digests of the texts by split."""
    for name, model in spec.models.items():
        history = trained[name].history
        yield from loss_scores(model.experiment, model.seed, trained[name], data)
        yield score(model.experiment, model.seed, "train", names.MEAN_LOSS, mean_loss(history), data["train"])
        counted = {names.TOKENS_SEEN: history["tokens_seen"].iloc[-1], names.STEPS: history.index[-1]}
        for metric, value in counted.items():
            yield exact(model.experiment, model.seed, "train", metric, value, data["train"])


def storage_scores(spec: Spec, weights: Mapping[str, Path]) -> Iterator[Row]:
    """Parameters and bytes of the files of weights of the base and the models."""
    base = weights[spec.base].stat().st_size
    for name, model in spec.with_base.items():
        size = weights[name].stat().st_size
        parameters = count_parameters(weights[name])
        stored = {names.PARAMETERS: parameters, names.BYTES: size, names.BYTES_SHARE: size / base}
        for metric, value in stored.items():
            yield exact(model.experiment, model.seed, names.FILES, metric, value)


def mean_loss(history: pd.DataFrame) -> float:
    """Mean training loss over all steps, as Transformers' Trainer reports it: each row is the mean since the row before."""
    steps = np.diff(history.index.to_numpy(), prepend=0)
    losses = history["train_loss"].to_numpy(dtype=float)
    counted = steps > 0
    return float((losses[counted] * steps[counted]).sum() / steps.sum()) if counted.any() else NAN


def text_scores(experiment: str, seed: int, split: str, texts: Sequence[Judgement], data: str) -> Iterator[Row]:
    """Perplexity and bits per byte of one model's judgements, with intervals over documents."""
    logprobs, sizes = [text.logprobs for text in texts], [bytes_counted(text) for text in texts]
    yield score(experiment, seed, split, names.PERPLEXITY, perplexity(texts, data), data)
    yield score(experiment, seed, split, names.BITS, bits_per_character(logprobs, sizes, data, "document"), data)


def perplexity(texts: Sequence[Judgement], data: str) -> Measurement:
    """Perplexity of all counted tokens, document by document."""
    return corpus_perplexity([text.logprobs for text in texts], data, "document")


def bytes_counted(text: Judgement) -> int:
    """Bytes of UTF-8 of the characters that the counted tokens hold: the last ones of a text, of one that was cut the first."""
    held = text.text[: text.characters] if text.cut else text.text[len(text.text) - text.characters :]
    return len(held.encode())


def judged(judgements: Judgements, model: str, split: str, like: Sequence[Judgement] | None = None) -> list[Judgement]:
    """A model's judgements of the texts of a split.

    Raises:
        UserError: where there are none, or where their texts are not those of ``like``.
    """
    texts = judgements.get((model, split))
    if texts is None or like is not None and [text.text for text in texts] != [text.text for text in like]:
        what = f"no text of {split!r}" if texts is None else f"other texts of {split!r} than its base"
        raise UserError(f"--input judgements: the model {model!r} has judged {what}; have the texts judged again")
    return texts
