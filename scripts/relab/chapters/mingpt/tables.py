"""Tables of the chapter: losses, the curves that its figures are drawn from, words with their probabilities.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes. Words are shown with ``␣`` for a
blank: tokens that print alike, such as two full stops, are told apart by it or by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from relab.cells import VISIBLE, fixed
from relab.rows.shared.histories import BITS, LOSSES, read_history, text_read
from relab.chapters.char_gpt.names import at
from relab.chapters.mingpt import records
from relab.chapters.mingpt.names import ENTROPY, GRAMMAR, LARGER, LOSS, MODEL, TRAINING_TEXT, UNIFORM
from relab.chapters.mingpt.settings import TableSpec
from relab.scores import Summaries
from relab.statistics import Measurement, estimate

#: Decimals of losses (nats per token, bits per byte) and of probabilities and distances.
LOSSES_DIGITS, PROBABILITY_DIGITS = 4, 4

#: Names of the chapter's tables.
TABLES = ("losses", "curve", "words", "alternatives", "total_variation", "larger_losses", "larger_curve")

#: Columns of the curves that hold a loss without a model, the same in every row: experiment, metric and split of each.
FLOORS = {
    "grammar_loss": (GRAMMAR, LOSS, "validation"),
    "grammar_entropy": (GRAMMAR, ENTROPY, "validation"),
    "training_text_entropy": (TRAINING_TEXT, LOSS, "train"),
    "uniform": (UNIFORM, LOSS, "validation"),
}


def chapter_tables(
    settings: TableSpec, histories: Mapping[str, Path], traces: Mapping[str, Path], scores: Summaries
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The chapter's tables by name (:data:`TABLES`); ``histories`` and ``traces`` by model.

    Raises:
        UserError: a history or a trace that cannot be read, a score that is missing.
    """
    floors = {column: _loss(scores.value(*key)) for column, key in FLOORS.items()}
    small, larger = (_histories(models, histories) for models in (settings.models, settings.larger))
    yield "losses", losses(MODEL, small, settings.every, scores)
    yield "curve", curve(small).assign(**floors)
    texts = {seed: records.read(traces[model]) for model, seed in sorted(settings.models.items(), key=lambda one: one[1])}
    first = next(iter(texts.values()))
    yield "words", words(first)
    yield "alternatives", alternatives(first)
    yield "total_variation", total_variation(texts)
    yield "larger_losses", losses(LARGER, larger, settings.every, scores)
    yield "larger_curve", curve(larger)


def _histories(models: Mapping[str, int], histories: Mapping[str, Path]) -> dict[int, pd.DataFrame]:
    """Histories by seed, ascending."""
    return {seed: read_history(histories[model]) for model, seed in sorted(models.items(), key=lambda one: one[1])}


def losses(experiment: str, histories: Mapping[int, pd.DataFrame], every: int, scores: Summaries) -> pd.DataFrame:
    """A row each ``every`` iterations and at the last one: means over seeds, with ``_low`` and ``_high`` of losses.

    The training loss is the mean since the evaluation before, with dropout on; there is none before the first iteration.

    Raises:
        UserError: a score that is missing.
    """
    steps = next(iter(histories.values())).index
    rows = []
    for step in [step for step in steps if step % every == 0 or step == steps[-1]]:
        bits = [history.loc[step, BITS["validation"]] for history in histories.values()]
        cells = {
            **scores.cells("train_loss", experiment, at(LOSS, step), "train", LOSSES_DIGITS),
            **scores.cells("validation_loss", experiment, at(LOSS, step), "validation", LOSSES_DIGITS),
            "bits_per_byte": _loss(float(np.mean(bits))),
        }
        rows.append({"iteration": step, **cells, "text": text_read(histories.values()), "seeds": len(histories)})
    return pd.DataFrame(rows)


def curve(histories: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Every evaluation of every seed's model; columns ``seed, step, train_loss, validation_loss``."""
    parts = [
        pd.DataFrame(
            {"seed": seed, "step": history.index, **{column: history[column].map(_loss) for column in LOSSES.values()}}
        )
        for seed, history in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)[["seed", "step", LOSSES["train"], LOSSES["validation"]]]


def words(texts: Sequence[records.Text]) -> pd.DataFrame:
    """E2, a step a row: the greedy token and the drawn one, each with its probability at the prompt's temperature (what the
    write-up prints), under the model itself, and by the grammar (empty where no sentence goes on)."""
    pairs = zip(records.of_table(texts, records.WORDS), records.of_table(texts, records.WORDS, records.DRAWN), strict=True)
    rows = []
    for greedy, drawn in pairs:
        for number, steps in enumerate(zip(greedy.steps, drawn.steps, strict=True), start=1):
            row = {"prompt": greedy.prompt, "temperature": f"{greedy.temperature:g}", "seed": greedy.seed, "step": number}
            for method, step in zip((records.GREEDY, records.DRAWN), steps, strict=True):
                row |= {f"{method}_{key}": value for key, value in _word(step).items()}
            rows.append(row)
    return pd.DataFrame(rows)


def _word(step: records.Step) -> dict[str, Any]:
    return {
        "word": step.word.translate(VISIBLE),
        "id": step.id,
        "probability": _probability(step.probability),
        "model_probability": _probability(step.model_probability),
        "grammar_probability": _probability(step.grammar_probability),
    }


def alternatives(texts: Sequence[records.Text]) -> pd.DataFrame:
    """E3, one of the most probable tokens a row: its probability under the model, its frequency in the training text after
    the same beginning and its true probability, both empty where no sentence goes on; ``sentences`` that do."""
    rows = []
    for text in records.of_table(texts, records.ALTERNATIVES):
        for number, step in enumerate(text.steps, start=1):
            for rank, one in enumerate(step.alternatives, start=1):
                row = {"prompt": text.prompt, "seed": text.seed, "step": number, "rank": rank}
                row |= {"word": one.word.translate(VISIBLE), "id": one.id}
                row |= {"probability": _probability(one.model_probability)}
                row |= {"corpus_frequency": _probability(one.corpus_frequency)}
                row |= {"grammar_probability": _probability(one.grammar_probability)}
                row |= {"sentences": step.sentences, "total_variation": _probability(step.total_variation)}
                rows.append(row)
    return pd.DataFrame(rows)


def total_variation(texts: Mapping[int, Sequence[records.Text]]) -> pd.DataFrame:
    """How far the models' distributions are from the grammar's at each step of E3, beside the training text's.

    A step a row: ``text`` up to it and the ``word`` chosen there by the first seed's model, the mean distance over the
    ``seeds`` whose models went on with the same tokens up to there, with its interval, and the training sentences that go on
    from there.
    """
    of_seeds = [records.of_table(one, records.ALTERNATIVES) for one in texts.values()]
    return pd.DataFrame([row for same in zip(*of_seeds, strict=True) for row in _distances(same)])


def _distances(texts: Sequence[records.Text]) -> Iterator[dict[str, Any]]:
    first = texts[0]
    for place, step in enumerate(first.steps):
        same = [one.steps[place] for one in texts if _ids(one, place) == _ids(first, place)]
        distances = [one.total_variation for one in same if one.total_variation is not None]
        yield {
            "prompt": first.prompt,
            "step": place + 1,
            "text": first.prompt + "".join(one.word for one in first.steps[:place]),
            "word": step.word.translate(VISIBLE),
            **_estimated("model", distances),
            "seeds": len(same),
            "training_text": _probability(step.corpus_total_variation),
            "sentences": step.sentences,
        }


def _ids(text: records.Text, place: int) -> list[int]:
    return [one.id for one in text.steps[:place]]


def _estimated(column: str, values: Sequence[float]) -> dict[str, str]:
    """The mean of what single seeds have, with its interval over them."""
    found = estimate({seed: Measurement.alone(value) for seed, value in enumerate(values)})
    cells = {column: found.value, f"{column}_low": found.low, f"{column}_high": found.high}
    return {name: fixed(value, PROBABILITY_DIGITS) for name, value in cells.items()}


def _rounding(digits: int) -> Callable[[float | None], str]:
    return lambda value: "" if value is None else fixed(value, digits)


_loss, _probability = _rounding(LOSSES_DIGITS), _rounding(PROBABILITY_DIGITS)
