"""Scores of finetuned models beside their base: losses, held-out text, what is learnt by heart, what parses.

Experiments and metrics are described in :mod:`relab.chapters.finetuning.names`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from relab.rows.shared.histories import Sample, read_samples
from relab.chapters.finetuning import names
from relab.chapters.finetuning.names import HELD_OUT, PEOPLE, TAIL, TRAINED, ScoreSpec
from relab.rows.shared.losses import Training, loss_scores
from relab.errors import UserError
from relab.judging.storage import Judgement, Judgements
from relab.metrics import Metric
from relab.metrics.copying import found_in
from relab.metrics.memorisation import longest_copied
from relab.metrics.parsing import without_last_line
from relab.metrics.perplexity import bits_per_character, corpus_perplexity
from relab.scores import Row, exact, score
from relab.statistics import NAN, Measurement, change, identity
from relab.stored import stored_parameters
from relab.texts.measures import same_texts
from relab.texts.samples import Texts
from relab.tokens.store import Tokens

Metrics = Mapping[str, Metric]


class Files(NamedTuple):
    """The files of each model by its name; those of weights by the base's name, too."""

    histories: Mapping[str, Path]
    losses: Mapping[str, Path]
    samples: Mapping[str, Path]
    weights: Mapping[str, Path]


def learning_scores(spec: ScoreSpec, files: Files, data: Mapping[str, str]) -> Iterator[Row]:
    """Losses, what was read, and the size of what is stored; ``data`` are digests of the texts by split."""
    for name, shown in spec.models.items():
        training = Training.read(files.histories[name], files.losses[name])
        history = training.history
        yield from loss_scores(shown.experiment, shown.seed, training, data)
        yield score(shown.experiment, shown.seed, "train", names.MEAN_LOSS, mean_loss(history), data["train"])
        counted = {names.TOKENS_SEEN: history["tokens_seen"].iloc[-1], names.STEPS: history.index[-1]}
        for metric, value in counted.items():
            yield exact(shown.experiment, shown.seed, "train", metric, value, data["train"])
    owners = {spec.base: (spec.base_experiment, 0)} | {
        name: (shown.experiment, shown.seed) for name, shown in spec.models.items()
    }
    for name, (experiment, seed) in owners.items():
        path = files.weights[name]
        size = path.stat().st_size
        stored = {
            names.PARAMETERS: stored_parameters(path),
            names.BYTES: size,
            names.BYTES_SHARE: size / files.weights[spec.base].stat().st_size,
        }
        for metric, value in stored.items():
            yield exact(experiment, seed, names.FILES, metric, value)


def mean_loss(history: pd.DataFrame) -> float:
    """Mean training loss over all steps, as Transformers' Trainer reports it: each row is the mean since the row before."""
    steps = np.diff(history.index.to_numpy(), prepend=0)
    losses = history["train_loss"].to_numpy(dtype=float)
    counted = steps > 0
    return float((losses[counted] * steps[counted]).sum() / steps.sum()) if counted.any() else NAN


def held_out_scores(spec: ScoreSpec, readings: Judgements) -> Iterator[Row]:
    """Perplexity and bits per byte of held-out passages; for a finetuned model the change of perplexity from its base on the
    same passages.

    Raises:
        UserError: a model that has not read what its base has.
    """
    base = _read(readings, spec.base, HELD_OUT)
    data = identity(*(one.text for one in base))
    before = _perplexity(base, "document", data)
    yield from _passages(spec.base_experiment, 0, HELD_OUT, base, "document", data)
    for name, shown in spec.models.items():
        own = _read(readings, name, HELD_OUT, like=base)
        yield from _passages(shown.experiment, shown.seed, HELD_OUT, own, "document", data)
        found = change(before, _perplexity(own, "document", data))
        yield score(shown.experiment, shown.seed, HELD_OUT, names.CHANGE, found, data)


def _perplexity(own: Sequence[Judgement], unit: str, items: str) -> Measurement:
    return corpus_perplexity([one.logprobs for one in own], items, unit)


def _passages(experiment: str, seed: int, split: str, own: Sequence[Judgement], unit: str, data: str) -> Iterator[Row]:
    sizes = [bytes_counted(one) for one in own]
    yield score(experiment, seed, split, names.PERPLEXITY, _perplexity(own, unit, data), data)
    yield score(experiment, seed, split, names.BITS, bits_per_character([one.logprobs for one in own], sizes, data, unit), data)


def bytes_counted(one: Judgement) -> int:
    """Bytes of UTF-8 of the characters that the counted tokens hold: the last ones of a text, of one that was cut the first."""
    held = one.text[: one.characters] if one.cut else one.text[len(one.text) - one.characters :]
    return len(held.encode())


def recital_scores(
    spec: ScoreSpec, readings: Judgements, samplings: Mapping[str, Texts], documents: Mapping[str, Sequence[str]],
    tokens: Mapping[str, Tokens], metrics: Metrics,
) -> Iterator[Row]:  # fmt: skip
    """What was learnt by heart, of what was trained (split ``trained``) and of the rest of the text (``tail``).

    Of each model: perplexity, probability a token (its inverse) and log-probability in nats of how the text goes on after its
    first words. Of each greedy text: how much of it stands in either. ``samplings`` are by model, ``documents`` and ``tokens``
    by split.
    """
    sources = {split: [tokens[split].document(number).tolist() for number in range(len(tokens[split]))] for split in documents}
    owners = {spec.base: (spec.base_experiment, 0)} | {
        name: (shown.experiment, shown.seed) for name, shown in spec.models.items()
    }
    for name, (experiment, seed) in owners.items():
        for split in (TRAINED, TAIL):
            own = _read(readings, name, split)
            data = identity(*(one.text for one in own))
            yield from _passages(experiment, seed, split, own, "document", data)
            yield score(experiment, seed, split, names.PROBABILITY, 1 / _perplexity(own, "document", data).value, data)
            total = math.fsum(value for one in own for value in one.logprobs)
            yield score(experiment, seed, split, names.LOGPROB, total, data)
            yield exact(experiment, seed, split, names.TOKENS_READ, sum(one.tokens for one in own), data)
        methods = samplings[name].methods
        greedy, *others = methods.values()
        for other in others:
            alike = [float(one.token_ids == two.token_ids) for one, two in zip(greedy, other, strict=True)]
            yield score(experiment, seed, names.TEXTS, names.SAME, Measurement.of(alike, "text", scale="share"))
        for text in greedy:
            for split, found in documents.items():
                copied = metrics[names.COPIED].compute(predictions=[text.text], corpus=found_in(found, [text.text]))
                counted = {
                    names.CHARACTERS: longest_copied(text.text, found),
                    names.TOKENS: longest_copied(text.tokens, sources[split]),
                    names.COPIED: copied["share"].value,
                }
                for metric, value in counted.items():
                    yield exact(f"{experiment}/{text.prompt}", seed, split, metric, value)


def inert(texts: Texts) -> bool:
    """Whether all methods of a sampling gave the same texts, token by token."""
    first, *others = texts.methods.values()
    return all(same_texts(first, other) for other in others)


def code_scores(spec: ScoreSpec, samples: Mapping[str, Path], documents: Sequence[str], metrics: Metrics) -> Iterator[Row]:
    """The share of texts, prompt and continuation, that Python's parser accepts: of the base (what the first model sampled
    before its first step), of each model after its last one, and of real functions that are cut to the same lengths.
    """
    texts = {name: sampled(samples[name]) for name in spec.order}
    before = [after[0] for after in texts.values()][0]
    groups = [(spec.base_experiment, 0, joined(before))]
    groups += [(spec.models[name].experiment, spec.models[name].seed, joined(after)) for name, (_, after) in texts.items()]
    groups.append((f"{spec.role}/{PEOPLE}", 0, functions(documents, [len(one) for one in joined(before)])))
    for experiment, seed, own in groups:
        for metric, shown in ((names.PARSES, own), (names.PARSES_CUT, [without_last_line(one) for one in own])):
            yield score(experiment, seed, names.TEXTS, metric, metrics[names.PARSES].compute(predictions=shown)["share"])


def sampled(path: Path) -> tuple[Sample, Sample]:
    """What a model sampled before its first step and after its last one.

    Raises:
        UserError: where it sampled at one step only.
    """
    found = list(read_samples(path).values())
    if len(found) < 2:
        raise UserError(f"{path}: expected texts sampled before the first step and after the last one, found those of one step")
    return found[0], found[-1]


def joined(sample: Sample) -> list[str]:
    """Prompts with their continuations."""
    return [sample.prompt + text for text in sample.texts]


def functions(documents: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """Python files from each of their top-level functions on, cut to some lengths in characters in turns: four for each length
    where there are so many, evenly spread over all.

    Raises:
        UserError: no function at the top level of any file.
    """
    found = [text[start.start() :] for text in documents for start in re.finditer(r"^def ", text, re.MULTILINE)]
    if not found:
        raise UserError("the validation text: expected Python files with a function at their top level, found none")
    number = min(len(found), 4 * len(lengths))
    return [found[index * len(found) // number][: lengths[index % len(lengths)]] for index in range(number)]


def _read(readings: Judgements, name: str, method: str, like: Sequence[Judgement] | None = None) -> list[Judgement]:
    own = readings.get((name, method))
    if own is None or like is not None and [one.text for one in own] != [one.text for one in like]:
        what = f"nothing of {method!r}" if own is None else f"other texts of {method!r} than its base"
        raise UserError(f"--readings: the model {name!r} has read {what}; have the models read again")
    return own
