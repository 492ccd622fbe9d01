"""Scores of fine-tuned classifiers beside the systems of the probe on the same data set.

Accuracy, macro-F1, F1 of each class, pairs of systems, and which share of words the tokenizers split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from relab.errors import UserError
from relab.files import read_csv
from relab.predictions import CLASSIFICATION, FINETUNED, read_predictions
from relab.probes.systems import classifier_system
from relab.rows.finetuned_classifiers.names import DISTINCT_SPLIT, TRAIN, WORDS_SPLIT, Spec, pairs, prefix, unweighted
from relab.rows.job import Job
from relab.rows.shared.system_scores import by_system, digest_of, system_scores
from relab.rows.shared.systems import ClassifierProbe, experiment
from relab.scores import exact

#: Tables by the name of a classifier.
Frames = Mapping[str, pd.DataFrame]


def score_classifiers(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    predictions = job.by_name("predictions", spec.probes)
    finetuned = {name: read_predictions(path, FINETUNED) for name, path in job.by_name("finetuned", spec.classifiers).items()}
    texts = {name: read_csv(path) for name, path in job.by_name("texts", spec.classifiers).items()}
    rows = [
        row
        for name in spec.order
        for row in classifier_scores(
            spec, spec.probes[name], read_predictions(predictions[name], CLASSIFICATION), finetuned, texts
        )
    ]
    return {"scores": rows}


def classifier_scores(
    spec: Spec, probe: ClassifierProbe, predictions: pd.DataFrame, finetuned: Frames, texts: Frames
) -> Iterator[dict[str, Any]]:
    """All scores on the data set of a probe.

    Args:
        predictions: those of the probe.
        finetuned: those of each fine-tuned classifier by its name, in the order of rows.
        texts: what each of them read.

    Raises:
        UserError: classifiers that predict other rows than the probe.
    """
    labels, of_probe = by_system(predictions)
    systems: dict[str, Mapping[int, list[str]]] = {system: of_probe[system] for system in _kept(probe)}
    declarations = spec.declarations(probe.dataset)
    for declaration, members in declarations.items():
        for member in members:
            if finetuned[member]["label"].tolist() != labels:
                raise UserError(f"--input finetuned: {member} predicts other rows than the probe on {probe.dataset!r}")
        systems[declaration] = {settings.seed: finetuned[member]["prediction"].tolist() for member, settings in members.items()}
    compared = [(system, reference) for system, reference, _ in pairs(probe.features, list(declarations))]
    data = digest_of(probe.dataset, labels)
    yield from system_scores(prefix(probe.dataset), probe.classes, labels, systems, compared, data)
    for declaration, members in declarations.items():
        for member, settings in members.items():
            key = experiment(prefix(probe.dataset), declaration)
            yield from _words(key, settings.seed, texts[member].iloc[0], data)


def _kept(probe: ClassifierProbe) -> list[str]:
    return [classifier_system(*system) for system in unweighted(probe.features)]


def _words(key: str, seed: int, texts: pd.Series, data: str) -> Iterator[dict[str, Any]]:
    """Which share of the words of the training rows the tokenizer splits."""
    for metric, column in ((WORDS_SPLIT, "words"), (DISTINCT_SPLIT, "distinct")):
        share = int(texts[f"{column}_split"]) / max(int(texts[column]), 1)
        yield exact(key, seed, TRAIN, metric, share, data)
