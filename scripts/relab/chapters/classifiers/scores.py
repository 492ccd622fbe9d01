"""Scores of fine-tuned classifiers beside the systems of the probe on the same data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from relab.chapters.char_gpt.classification.scores import by_system, data_of
from relab.chapters.classifiers.names import DISTINCT_SPLIT, WORDS_SPLIT, Floors, Spec, pairs, place, unweighted
from relab.rows.shared.systems import system_scores
from relab.errors import UserError
from relab.probes.names import name
from relab.scores import exact


def classifier_scores(
    spec: Spec, floors: Floors, probe: pd.DataFrame, finetuned: Mapping[str, pd.DataFrame], texts: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    """All scores on one data set.

    Args:
        spec: the settings.
        floors: the probe.
        probe: its predictions.
        finetuned: the predictions of each fine-tuned classifier by its name, in the order of rows.
        texts: what each of them read.

    Raises:
        UserError: classifiers that predict other rows than the probe.
    """
    references, systems = by_system(probe)
    kept = [name(*system) for system in unweighted(floors.features)]
    found: dict[str, Mapping[int, list[str]]] = {system: systems[system] for system in kept}
    declarations = spec.declarations(floors.dataset)
    for declaration, members in declarations.items():
        for member in members:
            if finetuned[member]["label"].tolist() != references:
                raise UserError(f"--finetuned: {member} predicts other rows than the probe on {floors.dataset!r}")
        found[declaration] = {one.seed: finetuned[member]["prediction"].tolist() for member, one in members.items()}
    compared = [(system, other) for system, other, _ in pairs(floors.features, list(declarations))]
    data = data_of(floors.dataset, references)
    yield from system_scores(place(floors.dataset), floors.classes, references, found, compared, data)
    for declaration, members in declarations.items():
        for member, one in members.items():
            yield from _words(f"{place(floors.dataset)}/{declaration}", one.seed, texts[member].iloc[0], data)


def _words(experiment: str, seed: int, texts: pd.Series, data: str) -> Iterator[dict[str, Any]]:
    """Which share of the words of the training rows the tokenizer splits."""
    for metric, column in ((WORDS_SPLIT, "words"), (DISTINCT_SPLIT, "distinct")):
        share = int(texts[f"{column}_split"]) / max(int(texts[column]), 1)
        yield exact(experiment, seed, "train", metric, share, data)
