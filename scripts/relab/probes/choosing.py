"""All systems of a ranker on one data set: baselines without training, and the scorers with each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from relab.cells import fixed
from relab.datasets.storage import read
from relab.features.store import Features
from relab.inputs import by_part
from relab.probes.answers import LONGEST, cosine, trained
from relab.probes.pairs import Questions, read_questions
from relab.probes.ranker import Key, Scorer, fit, scores_of
from relab.settings.datasets import SPLITS
from relab.settings.probes import Ranker

#: Questions of each split by the name of the features.
Splits = Mapping[str, Mapping[str, Questions]]


@dataclass(frozen=True)
class Outcome:
    """What a ranker's job writes."""

    scorers: dict[Key, Scorer]  #: with the weights of their best epochs
    predictions: pd.DataFrame  #: on the test split
    history: pd.DataFrame  #: an epoch of a scorer and seed a row
    chosen: pd.DataFrame  #: a system and seed a row: its accuracy on validation, of scorers the best epoch and their size


def read_splits(parts: Mapping[str, Path], files: Iterable[Path], settings: Ranker) -> Splits:
    """The questions of each split and features.

    Args:
        parts: the file of each split.
        files: ``{encoder}/{dataset}/{split}.safetensors`` of every encoder and split, told by their folders and names.

    Raises:
        UserError: where a file of features is missing, not expected, or of other rows.
    """
    found = by_part(files, settings.encoders, settings.dataset, SPLITS)
    splits: dict[str, dict[str, Questions]] = {split: {} for split in SPLITS}
    for encoder in settings.encoders:
        for split in SPLITS:
            features = Features(found[encoder, split])
            for pooling in settings.pooling:
                splits[split][f"{encoder} {pooling}"] = read_questions(features, parts[split], pooling)
    return splits


def longest(choices: Iterable[list[str]]) -> torch.Tensor:
    """The place of the longest choice of each question by characters, the first of equal ones."""
    return torch.tensor([int(np.argmax([len(text) for text in own])) for own in choices])


def choose(parts: Mapping[str, Path], splits: Splits, settings: Ranker, progress: Callable[[], Any] = lambda: None) -> Outcome:
    """Train all scorers and answer the questions of the test split, which nothing was chosen by.

    Args:
        parts: the file of each split, whose texts the longest choice is told by.
        splits: the same questions as :func:`read_splits` gives them.
        progress: called after each training.
    """
    scorers: dict[Key, Scorer] = {}
    predictions, history, chosen = [], [], []
    test, validation = splits["test"], splits["validation"]

    def untrained(system: str, features: str, on_validation: torch.Tensor, on_test: torch.Tensor) -> None:
        right = (on_validation == validation[features].answers).double().mean().item()
        chosen.append(_chosen(system, 0, None, right, len(validation[features]), 0))
        predictions.append(_answers(system, 0, on_test, test[features]))

    untrained(LONGEST, settings.features[0], *(longest(read(parts[split])["choices"]) for split in ("validation", "test")))
    for features in settings.features:
        own = [one[features] for one in (validation, test)]
        untrained(cosine(features), features, *(one.best(one.cosines()) for one in own))
        for name, scorer in settings.scorers.items():
            for seed in settings.seeds:
                found = fit(splits["train"][features], validation[features], scorer, settings, seed)
                system, network = trained(features, name), found.scorer
                scorers[features, name, seed] = network
                about = {"features": features, "scorer": name, "seed": seed}
                history += [{**about, **epoch} for epoch in found.history]
                accuracy, number = found.validation_accuracy, len(validation[features])
                chosen.append(_chosen(system, seed, found.best_epoch, accuracy, number, network.size))
                on_test = test[features].best(scores_of(network, test[features]))
                predictions.append(_answers(system, seed, on_test, test[features]))
                progress()
    return Outcome(scorers, pd.concat(predictions, ignore_index=True), _history(history), pd.DataFrame(chosen))


def _answers(system: str, seed: int, chosen: torch.Tensor, questions: Questions) -> pd.DataFrame:
    rows = {"row": np.arange(len(questions)), "prediction": chosen.numpy(), "answer": questions.answers.numpy()}
    return pd.DataFrame({"system": system, "seed": seed, **rows, "choices": questions.counts.numpy()})


def _chosen(system: str, seed: int, epoch: int | None, accuracy: float, questions: int, size: int) -> dict[str, Any]:
    return {
        "system": system,
        "seed": seed,
        "best_epoch": "" if epoch is None else str(epoch),
        "validation_accuracy": fixed(accuracy, 6),
        "validation_questions": questions,
        "parameters": size,
    }


def _history(epochs: list[dict[str, Any]]) -> pd.DataFrame:
    measured = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    history = pd.DataFrame(epochs)[["features", "scorer", "seed", "epoch", *measured]]
    return history.assign(**{column: history[column].map(lambda value: fixed(value, 6)) for column in measured})
