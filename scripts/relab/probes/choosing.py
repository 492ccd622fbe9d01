"""All systems of a ranker on one data set: baselines without training, and the scorers with each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from relab.cells import format_fixed
from relab.datasets.storage import read
from relab.features.store import Features
from relab.inputs import by_part
from relab.probes.pairs import Questions, read_questions
from relab.probes.ranker import Key, Scorer, fit_scorer, score_choices
from relab.probes.systems import LONGEST, cosine_system, scorer_system
from relab.settings.datasets import SPLITS
from relab.settings.probes import Ranker

#: Questions of each split by the name of the features.
Splits = Mapping[str, Mapping[str, Questions]]


@dataclass(frozen=True)
class RankerResults:
    """The results of a ranker's job."""

    scorers: dict[Key, Scorer]  #: with the weights of their best epochs
    predictions: pd.DataFrame  #: on the test split
    history: pd.DataFrame  #: a row for each epoch of a scorer and seed
    chosen: pd.DataFrame  #: a row for each system and seed: validation accuracy, and best epoch and size of a scorer


def read_splits(parts: Mapping[str, Path], files: Iterable[Path], settings: Ranker) -> Splits:
    """The questions of each split and features.

    Args:
        parts: the file of each split.
        files: ``{encoder}/{dataset}/{split}.safetensors`` of every encoder and split, in any order.

    Raises:
        UserError: where a file of features is missing, not expected, or of other rows.
    """
    paths = by_part(files, settings.encoders, settings.dataset, SPLITS)
    splits: dict[str, dict[str, Questions]] = {split: {} for split in SPLITS}
    for encoder in settings.encoders:
        for split in SPLITS:
            features = Features(paths[encoder, split])
            for pooling in settings.pooling:
                splits[split][f"{encoder} {pooling}"] = read_questions(features, parts[split], pooling)
    return splits


def longest_choices(choices: Iterable[list[str]]) -> torch.Tensor:
    """The index of the longest choice of each question by characters, the first of equal ones."""
    return torch.tensor([int(np.argmax([len(text) for text in texts])) for texts in choices])


def fit_and_answer(
    parts: Mapping[str, Path], splits: Splits, settings: Ranker, progress: Callable[[], Any] = lambda: None
) -> RankerResults:
    """Train all scorers and answer the questions of the test split, which is used for no choice.

    Args:
        parts: the file of each split, whose texts the longest choice is taken from.
        splits: the same questions as :func:`read_splits` returns them.
        progress: called after each training.
    """
    scorers: dict[Key, Scorer] = {}
    predictions, history, chosen = [], [], []
    test, validation = splits["test"], splits["validation"]

    def add_baseline(system: str, features: str, on_validation: torch.Tensor, on_test: torch.Tensor) -> None:
        accuracy = (on_validation == validation[features].answers).double().mean().item()
        chosen.append(_chosen_row(system, 0, None, accuracy, len(validation[features]), 0))
        predictions.append(_prediction_rows(system, 0, on_test, test[features]))

    longest = [longest_choices(read(parts[split])["choices"]) for split in ("validation", "test")]
    add_baseline(LONGEST, settings.features[0], *longest)
    for features in settings.features:
        evaluated = [questions[features] for questions in (validation, test)]
        add_baseline(
            cosine_system(features), features, *(questions.best_choices(questions.cosines()) for questions in evaluated)
        )
        for name, scorer in settings.scorers.items():
            for seed in settings.seeds:
                fit = fit_scorer(splits["train"][features], validation[features], scorer, settings, seed)
                system = scorer_system(features, name)
                scorers[features, name, seed] = fit.scorer
                history += [{"features": features, "scorer": name, "seed": seed, **epoch} for epoch in fit.history]
                accuracy, number = fit.validation_accuracy, len(validation[features])
                chosen.append(_chosen_row(system, seed, fit.best_epoch, accuracy, number, fit.scorer.size))
                on_test = test[features].best_choices(score_choices(fit.scorer, test[features]))
                predictions.append(_prediction_rows(system, seed, on_test, test[features]))
                progress()
    return RankerResults(scorers, pd.concat(predictions, ignore_index=True), _history_table(history), pd.DataFrame(chosen))


def _prediction_rows(system: str, seed: int, chosen: torch.Tensor, questions: Questions) -> pd.DataFrame:
    """The predictions of a system and seed as rows of ``predictions.parquet``."""
    rows = {"row": np.arange(len(questions)), "prediction": chosen.numpy(), "answer": questions.answers.numpy()}
    return pd.DataFrame({"system": system, "seed": seed, **rows, "choices": questions.counts.numpy()})


def _chosen_row(system: str, seed: int, epoch: int | None, accuracy: float, questions: int, size: int) -> dict[str, Any]:
    return {
        "system": system,
        "seed": seed,
        "best_epoch": "" if epoch is None else str(epoch),
        "validation_accuracy": format_fixed(accuracy, 6),
        "validation_questions": questions,
        "parameters": size,
    }


def _history_table(epochs: list[dict[str, Any]]) -> pd.DataFrame:
    measured = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    history = pd.DataFrame(epochs)[["features", "scorer", "seed", "epoch", *measured]]
    return history.assign(**{column: history[column].map(lambda value: format_fixed(value, 6)) for column in measured})
