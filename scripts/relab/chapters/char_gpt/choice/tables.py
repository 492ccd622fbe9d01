"""A8's tables: systems with their accuracy, training by epoch, questions answered rightly and wrongly.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.chapters.char_gpt.choice.names import (
    ACCURACY,
    CHANCE,
    SPLIT,
    VALIDATION,
    Probe,
    TableSpec,
    experiment,
)
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.inputs import by_name
from relab.probes.answers import cosine, systems, trained
from relab.scores import Summaries

DIGITS = 3
#: Questions of each outcome among the examples.
EXAMPLES = 3
#: Columns of a training's history.
HISTORY = (
    *("features", "scorer", "seed", "epoch"),
    *("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
)


def choice_table(spec: TableSpec, predictions: Mapping[str, pd.DataFrame], scores: Summaries) -> pd.DataFrame:
    """A system a row, chance and floors before what is trained.

    ``accuracy`` on the test split is the mean over seeds, with ``_low`` and ``_high`` (95 % interval over questions and
    ``seeds``); ``validation_accuracy`` is the mean over seeds of what the epoch was chosen by; ``difference``
    with ``_low`` and ``_high`` is what a trained scorer has beyond the cosine of the same features, question by question.
    ``choices`` are those of a question, from the fewest to the most. What a system does not have is empty.

    Raises:
        UserError: where a score is missing.
    """
    return pd.DataFrame(
        [row for name in spec.order for row in _systems(spec.probes[name], spec.titles, predictions[name], scores)]
    )


def _systems(probe: Probe, titles: Mapping[str, str], predictions: pd.DataFrame, scores: Summaries) -> Iterator[dict[str, Any]]:
    questions = predictions.drop_duplicates("row")
    for system in (CHANCE, *systems(probe)):
        yield {
            "data_set": titles[probe.dataset],
            "system": system,
            **_accuracy(probe, system, scores),
            **_beyond_cosine(probe, system, scores),
            "questions": len(questions),
            "choices": _range(questions["choices"]),
        }


def _accuracy(probe: Probe, system: str, scores: Summaries) -> dict[str, Any]:
    name = experiment(probe.dataset, system)
    validation = None if system == CHANCE else scores.value(name, ACCURACY, VALIDATION)
    return {
        **scores.cells("accuracy", name, ACCURACY, SPLIT, DIGITS),
        "seeds": str(len(probe.seeds)) if system in probe.trained else "",
        "validation_accuracy": fixed(validation, DIGITS),
    }


def _beyond_cosine(probe: Probe, system: str, scores: Summaries) -> dict[str, str]:
    if system not in probe.trained:
        return dict.fromkeys(("difference", "difference_low", "difference_high"), "")
    return scores.cells("difference", experiment(probe.dataset, system, cosine(probe.trained[system])), ACCURACY, SPLIT, DIGITS)


def _range(counts: pd.Series) -> str:
    """A number, or the least and the greatest."""
    return "–".join(str(count) for count in dict.fromkeys((counts.min(), counts.max())))


def curves_table(spec: TableSpec, histories: Iterable[str | Path], scores: Summaries) -> pd.DataFrame:
    """An epoch of each training a row, 0 before the first step.

    ``chosen`` is ``yes`` at the epoch whose weights were kept, the first of the highest validation accuracy; ``chance`` is that
    of the test split's questions.

    Raises:
        UserError: where a file or a column is missing.
    """
    files = by_name(histories, spec.probes, "history")
    return pd.concat([_curves(spec.probes[name], spec.titles, files[name], scores) for name in spec.order], ignore_index=True)


def _curves(probe: Probe, titles: Mapping[str, str], path: Path, scores: Summaries) -> pd.DataFrame:
    history = read_csv(path, dtype=str)
    lacking = [column for column in HISTORY if column not in history]
    if lacking or history.empty:
        raise UserError(f"{path}: {f'no column {lacking[0]!r}' if lacking else 'no row'}; expected {', '.join(HISTORY)}")
    accuracies = history["validation_accuracy"].astype(float)
    best = accuracies.groupby([history["features"], history["scorer"], history["seed"]]).idxmax()
    named = [trained(*pair) for pair in zip(history["features"], history["scorer"], strict=True)]
    return pd.DataFrame(
        {
            "data_set": titles[probe.dataset],
            "system": named,
            **{column: history[column] for column in HISTORY},
            "chosen": ["yes" if row in set(best) else "no" for row in history.index],
            "chance": fixed(scores.value(experiment(probe.dataset, CHANCE), ACCURACY, SPLIT), DIGITS),
        }
    )


def examples_table(
    spec: TableSpec, predictions: Mapping[str, pd.DataFrame], tests: Iterable[str | Path], scores: Summaries
) -> pd.DataFrame:
    """The first three questions of the test split that one scorer answers rightly, and the first three that it answers wrongly:
    the first ones, never chosen by hand.

    The scorer is the trained one of the highest accuracy on validation (mean over seeds, the first of equal ones), with its
    first seed; ``answer`` is the right choice, ``chosen`` the one that it took.

    Raises:
        UserError: a file that is missing or not asked for, or with other questions than those that were answered.
    """
    files = by_name(tests, [probe.dataset for probe in spec.probes.values()], "test")
    rows = []
    for name in spec.order:
        probe = spec.probes[name]
        rows += _examples(probe, spec.titles, predictions[name], files[probe.dataset], scores)
    columns = ["data_set", "system", "outcome", "question", "answer", "chosen"]
    return pd.DataFrame(rows, columns=columns)


def _examples(
    probe: Probe, titles: Mapping[str, str], predictions: pd.DataFrame, path: Path, scores: Summaries
) -> Iterator[dict[str, str]]:
    best = max(probe.trained, key=lambda system: scores.value(experiment(probe.dataset, system), ACCURACY, VALIDATION))
    own = predictions[(predictions["system"] == best) & (predictions["seed"] == probe.seeds[0])]
    rows = storage.read(path)
    if own["answer"].tolist() != rows["answer"] or own["choices"].tolist() != list(map(len, rows["choices"])):
        raise UserError(f"{path}: expected the {len(own)} questions that {best!r} answered, found others")
    right = own["prediction"] == own["answer"]
    for outcome, chosen in (("right", own[right]), ("wrong", own[~right])):
        for row, answer, prediction in chosen[["row", "answer", "prediction"]].head(EXAMPLES).itertuples(index=False):
            yield {
                "data_set": titles[probe.dataset],
                "system": best,
                "outcome": outcome,
                "question": rows["question"][row],
                "answer": rows["choices"][row][answer],
                "chosen": rows["choices"][row][prediction],
            }
