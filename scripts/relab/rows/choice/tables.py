"""Tables of chosen answers: systems with their accuracy, training by epoch, questions answered rightly and wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv, require_columns
from relab.probes.systems import cosine_system, ranker_systems, scorer_system
from relab.rows.choice.names import Spec, read_predictions, trained_systems
from relab.rows.job import MAIN, Job
from relab.rows.shared.best import HIGHER, Ranking, with_best
from relab.rows.shared.systems import ACCURACY, CHANCE, SPLIT, VALIDATION, experiment
from relab.scores import Summaries
from relab.settings.probes import Ranker

DIGITS = 3
#: Questions of each outcome among the examples.
EXAMPLES = 3
#: Columns of a training's history.
HISTORY = (
    *("features", "scorer", "seed", "epoch"),
    *("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
)

#: The predictions of each probe.
Predictions = Mapping[str, pd.DataFrame]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    predictions = read_predictions(job, spec)
    tests = job.by_name("test", [probe.dataset for probe in spec.shown])
    return {
        MAIN: choice_table(spec, predictions, scores),
        "choice_curves": curves_table(spec, job.by_name("history", spec.probes), scores),
        "choice_examples": examples_table(spec, predictions, tests, scores),
    }


def choice_table(spec: Spec, predictions: Predictions, scores: Summaries) -> pd.DataFrame:
    """A system a row, chance and baselines before what is trained.

    ``accuracy`` on the test split is the mean over seeds, with ``_low`` and ``_high`` (95 % interval over questions and
    ``seeds``); ``validation_accuracy`` is the mean over seeds of what the epoch was chosen by; ``difference``
    with ``_low`` and ``_high`` is what a trained scorer has beyond the cosine of the same features, question by question.
    ``choices`` are those of a question, from the fewest to the most. What a system does not have is empty.
    """
    rows = [row for name in spec.order for row in _systems(spec.probes[name], spec.titles, predictions[name], scores)]
    return pd.DataFrame(with_best(rows, scores, {"accuracy": Ranking(ACCURACY, HIGHER, SPLIT)}))


def _systems(
    probe: Ranker, titles: Mapping[str, str], predictions: pd.DataFrame, scores: Summaries
) -> Iterator[tuple[str, dict[str, Any]]]:
    questions = predictions.drop_duplicates("row")
    for system in (CHANCE, *ranker_systems(probe)):
        row = {
            "data_set": titles[probe.dataset],
            "system": system,
            **_accuracy(probe, system, scores),
            **_beyond_cosine(probe, system, scores),
            "questions": len(questions),
            "choices": _range(questions["choices"]),
        }
        yield experiment(probe.dataset, system), row


def _accuracy(probe: Ranker, system: str, scores: Summaries) -> dict[str, Any]:
    name = experiment(probe.dataset, system)
    validation = None if system == CHANCE else scores.value(name, ACCURACY, VALIDATION)
    return {
        **scores.cells("accuracy", name, ACCURACY, SPLIT, DIGITS),
        "seeds": str(len(probe.seeds)) if system in trained_systems(probe) else "",
        "validation_accuracy": format_fixed(validation, DIGITS),
    }


def _beyond_cosine(probe: Ranker, system: str, scores: Summaries) -> dict[str, str]:
    features = trained_systems(probe).get(system)
    if features is None:
        return dict.fromkeys(("difference", "difference_low", "difference_high"), "")
    return scores.cells("difference", experiment(probe.dataset, system, cosine_system(features)), ACCURACY, SPLIT, DIGITS)


def _range(counts: pd.Series) -> str:
    """A number, or the least and the greatest."""
    return "–".join(str(count) for count in dict.fromkeys((counts.min(), counts.max())))


def curves_table(spec: Spec, histories: Mapping[str, Path], scores: Summaries) -> pd.DataFrame:
    """An epoch of each training a row, 0 before the first step.

    ``chosen`` is ``yes`` at the epoch whose weights were kept, the first of the highest validation accuracy; ``chance`` is that
    of the test split's questions.

    Args:
        histories: the file of the trainings of each probe.

    Raises:
        UserError: where a column is missing.
    """
    curves = [_curves(spec.probes[name], spec.titles, histories[name], scores) for name in spec.order]
    return pd.concat(curves, ignore_index=True)


def _curves(probe: Ranker, titles: Mapping[str, str], path: Path, scores: Summaries) -> pd.DataFrame:
    history = read_csv(path, dtype=str)
    require_columns(history, HISTORY, f"{path}:", rows=True)
    accuracies = history["validation_accuracy"].astype(float)
    best = accuracies.groupby([history["features"], history["scorer"], history["seed"]]).idxmax()
    named = [scorer_system(*pair) for pair in zip(history["features"], history["scorer"], strict=True)]
    return pd.DataFrame(
        {
            "data_set": titles[probe.dataset],
            "system": named,
            **{column: history[column] for column in HISTORY},
            "chosen": ["yes" if row in set(best) else "no" for row in history.index],
            "chance": format_fixed(scores.value(experiment(probe.dataset, CHANCE), ACCURACY, SPLIT), DIGITS),
        }
    )


def examples_table(spec: Spec, predictions: Predictions, tests: Mapping[str, Path], scores: Summaries) -> pd.DataFrame:
    """The first three questions of the test split that one scorer answers rightly, and the first three that it answers wrongly:
    the first ones, never chosen by hand.

    The scorer is the trained one of the highest accuracy on validation (mean over seeds, the first of equal ones), with its
    first seed; ``answer`` is the right choice, ``chosen`` the one that it took.

    Args:
        tests: the file of the test split of each data set.

    Raises:
        UserError: a file with other questions than those that were answered.
    """
    rows = [row for name in spec.order for row in _examples(spec, name, predictions[name], tests, scores)]
    return pd.DataFrame(rows, columns=["data_set", "system", "outcome", "question", "answer", "chosen"])


def _examples(
    spec: Spec, name: str, predictions: pd.DataFrame, tests: Mapping[str, Path], scores: Summaries
) -> Iterator[dict[str, str]]:
    probe, path = spec.probes[name], tests[spec.probes[name].dataset]
    best = max(trained_systems(probe), key=lambda system: scores.value(experiment(probe.dataset, system), ACCURACY, VALIDATION))
    answered = predictions[(predictions["system"] == best) & (predictions["seed"] == probe.seeds[0])]
    rows = storage.read(path)
    if answered["answer"].tolist() != rows["answer"] or answered["choices"].tolist() != list(map(len, rows["choices"])):
        raise UserError(f"{path}: expected the {len(answered)} questions that {best!r} answered, found others")
    right = answered["prediction"] == answered["answer"]
    for outcome, shown in (("right", answered[right]), ("wrong", answered[~right])):
        for row, answer, prediction in shown[["row", "answer", "prediction"]].head(EXAMPLES).itertuples(index=False):
            yield {
                "data_set": spec.titles[probe.dataset],
                "system": best,
                "outcome": outcome,
                "question": rows["question"][row],
                "answer": rows["choices"][row][answer],
                "chosen": rows["choices"][row][prediction],
            }
