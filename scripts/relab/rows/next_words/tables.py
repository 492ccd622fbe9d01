"""Tables of words with their probabilities, of the most probable ones at each step, of distances from the grammar.

Numbers are texts of a fixed number of decimals, so that the same traces give the same bytes. Words are shown with ``␣`` for a
blank: tokens that print alike, such as two full stops, are told apart by it or by their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from relab.cells import VISIBLE, format_fixed
from relab.rows.job import MAIN, Job
from relab.rows.next_words import traces
from relab.rows.next_words.traces import ALTERNATIVES, DRAWN, GREEDY, WORDS, Step, Text, of_table
from relab.statistics import SEED, Measurement, estimate

#: Probabilities and distances as cells.
_fixed = partial(format_fixed, digits=4)


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    seeds = job.spec["models"]
    texts = traces.read(job.file("traces"), seeds)
    by_seed = {seed: texts[model] for model, seed in sorted(seeds.items(), key=lambda pair: pair[1])}
    first = next(iter(by_seed.values()))
    return {
        MAIN: words_table(first),
        "alternatives": alternatives_table(first),
        "total_variation": total_variation_table(by_seed),
    }


def words_table(texts: Sequence[Text]) -> pd.DataFrame:
    """A step a row: the greedy token and the drawn one, each with its probability at the prompt's temperature, under the model
    itself, and by the grammar (empty where no sentence goes on)."""
    rows = []
    for greedy, drawn in zip(of_table(texts, WORDS), of_table(texts, WORDS, DRAWN), strict=True):
        for number, steps in enumerate(zip(greedy.steps, drawn.steps, strict=True), start=1):
            row = {"prompt": greedy.prompt, "temperature": f"{greedy.temperature:g}", "seed": greedy.seed, "step": number}
            for method, step in zip((GREEDY, DRAWN), steps, strict=True):
                row |= {f"{method}_{key}": value for key, value in _word_cells(step).items()}
            rows.append(row)
    return pd.DataFrame(rows)


def _word_cells(step: Step) -> dict[str, Any]:
    return {
        "word": step.word.translate(VISIBLE),
        "id": step.id,
        "probability": _fixed(step.probability),
        "model_probability": _fixed(step.model_probability),
        "grammar_probability": _fixed(step.grammar_probability),
    }


def alternatives_table(texts: Sequence[Text]) -> pd.DataFrame:
    """A token a row, of the most probable ones at each step: its probability under the model, its frequency in the training
    text after the same beginning and its true probability, both empty where no sentence goes on; ``sentences`` that do."""
    rows = []
    for text in of_table(texts, ALTERNATIVES):
        for number, step in enumerate(text.steps, start=1):
            for rank, alternative in enumerate(step.alternatives, start=1):
                rows.append(
                    {
                        "prompt": text.prompt,
                        "seed": text.seed,
                        "step": number,
                        "rank": rank,
                        "word": alternative.word.translate(VISIBLE),
                        "id": alternative.id,
                        "probability": _fixed(alternative.model_probability),
                        "corpus_frequency": _fixed(alternative.corpus_frequency),
                        "grammar_probability": _fixed(alternative.grammar_probability),
                        "sentences": step.sentences,
                        "total_variation": _fixed(step.total_variation),
                    }
                )
    return pd.DataFrame(rows)


def total_variation_table(texts: Mapping[int, Sequence[Text]]) -> pd.DataFrame:
    """How far the models' distributions are from the grammar's at each step, beside the training text's.

    A step a row: ``text`` up to it and the ``word`` chosen there by the first seed's model, the mean distance over the
    ``seeds`` whose models went on with the same tokens up to there, with its interval, and the training sentences that go on
    from there.

    Args:
        texts: those of each seed's model, the first one first.
    """
    of_seeds = [of_table(of_seed, ALTERNATIVES) for of_seed in texts.values()]
    return pd.DataFrame([row for of_prompt in zip(*of_seeds, strict=True) for row in _distance_rows(of_prompt)])


def _distance_rows(texts: Sequence[Text]) -> Iterator[dict[str, Any]]:
    first = texts[0]
    for index, step in enumerate(first.steps):
        alike = [text.steps[index] for text in texts if _ids_before(text, index) == _ids_before(first, index)]
        distances = [same.total_variation for same in alike if same.total_variation is not None]
        yield {
            "prompt": first.prompt,
            "step": index + 1,
            "text": first.prompt + "".join(earlier.word for earlier in first.steps[:index]),
            "word": step.word.translate(VISIBLE),
            **_mean_cells("model", distances),
            "seeds": len(alike),
            "training_text": _fixed(step.corpus_total_variation),
            "sentences": step.sentences,
        }


def _ids_before(text: Text, end: int) -> list[int]:
    return [step.id for step in text.steps[:end]]


def _mean_cells(column: str, values: Sequence[float]) -> dict[str, str]:
    """The mean of what single seeds have, with its interval over them."""
    mean = estimate({seed: Measurement.of([value], SEED, scale="share") for seed, value in enumerate(values)})
    return {column: _fixed(mean.value), f"{column}_low": _fixed(mean.low), f"{column}_high": _fixed(mean.high)}
