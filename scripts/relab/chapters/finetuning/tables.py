"""Tables of finetuned models beside their base: losses and held-out text, what is learnt by heart, texts before and after.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from relab.cells import fixed
from relab.rows.shared.histories import read_history
from relab.chapters.finetuning import names
from relab.chapters.finetuning.names import FILES, HELD_OUT, PEOPLE, TAIL, TEXTS, TRAINED, TableSpec, told
from relab.chapters.finetuning.scores import joined, sampled
from relab.chapters.mingpt.names import FINAL, INITIAL
from relab.judging.storage import Judgements, start_of
from relab.metrics.parsing import parses, without_last_line
from relab.scores import Summaries
from relab.texts.samples import Texts

#: Decimals of losses, perplexities, shares, probabilities.
LOSSES, PERPLEXITIES, SHARES, PROBABILITIES = 3, 2, 3, 5
BEFORE = "before"


def tables(
    spec: TableSpec, scores: Summaries, readings: Judgements, histories: Mapping[str, Path], samples: Mapping[str, Path],
    samplings: Mapping[str, Texts],
) -> Iterator[tuple[str, pd.DataFrame]]:  # fmt: skip
    """The three tables of a row by the end of their names: the models, their texts, their losses on the way."""
    yield "", models_table(spec, scores, readings)
    if spec.role == "recital":
        yield "_texts", recital_texts(spec, scores, samplings)
    else:
        yield "_texts", texts_table(spec, samples)
    yield "_curve", curve(spec, histories)


def models_table(spec: TableSpec, scores: Summaries, readings: Judgements) -> pd.DataFrame:
    """The base and each declaration a row, means over its seeds; ``_low`` and ``_high`` are 95 % intervals over seeds and over
    what was measured, such as passages.

    ``parameters`` and ``megabytes`` (10⁶ bytes) are those of the file that it is stored in; ``start`` is the token that models
    read before each text. What a row does not have is empty.

    Raises:
        UserError: where a score is missing.
    """
    rows = [{"model": spec.base, "how": "as published", "seeds": "", **_stored(spec.base_experiment, scores)}]
    rows[0] |= _learnt(spec.base_experiment, scores) if spec.role == "recital" else _held_out(spec.base_experiment, scores)
    rows[0] |= _parsed(spec.base_experiment, scores) if spec.role == "code" else {}
    rows[0]["start"] = _start(readings, spec.base)
    for experiment, members in spec.experiments.items():
        row = {"model": experiment, "how": told(spec.adaptations[members[0]]), "seeds": str(len(members))}
        row |= {**_stored(experiment, scores), **_training(experiment, scores)}
        row |= _learnt(experiment, scores) if spec.role == "recital" else _held_out(experiment, scores)
        if spec.role == "code":
            row |= _parsed(experiment, scores)
        if spec.role != "recital":
            row |= scores.cells("change", experiment, names.CHANGE, HELD_OUT, PERPLEXITIES)
        row["start"] = _start(readings, *members)
        rows.append(row)
    if spec.role == "code":
        rows.append({"model": PEOPLE, "how": "real functions", "seeds": "", **_parsed(f"{spec.role}/{PEOPLE}", scores)})
    return pd.DataFrame(rows).fillna("")


def _start(readings: Judgements, *models: str) -> str:
    return start_of([one for (source, _), texts in readings.items() if source in models for one in texts])


def _stored(experiment: str, scores: Summaries) -> dict[str, str]:
    parameters = scores.value(experiment, names.PARAMETERS, FILES)
    return {"parameters": f"{parameters:.0f}", "megabytes": fixed(scores.value(experiment, names.BYTES, FILES) / 1e6, 2)}


def _training(experiment: str, scores: Summaries) -> dict[str, str]:
    return {
        "steps": f"{scores.value(experiment, names.STEPS, 'train'):.0f}",
        "tokens_seen": f"{scores.value(experiment, names.TOKENS_SEEN, 'train'):.0f}",
        **scores.cells("mean_train_loss", experiment, names.MEAN_LOSS, "train", LOSSES),
        **scores.cells("train_loss", experiment, FINAL, "train", LOSSES),
        **scores.cells("first_loss", experiment, INITIAL, "validation", LOSSES),
        **scores.cells("last_loss", experiment, FINAL, "validation", LOSSES),
    }


def _learnt(experiment: str, scores: Summaries) -> dict[str, str]:
    cells = {}
    for split in (TRAINED, TAIL):
        cells |= scores.cells(f"{split}_perplexity", experiment, names.PERPLEXITY, split, PERPLEXITIES)
        cells |= scores.cells(f"{split}_probability", experiment, names.PROBABILITY, split, PROBABILITIES)
        cells |= scores.cells(f"{split}_logprob", experiment, names.LOGPROB, split, 1)
        cells[f"{split}_tokens"] = f"{scores.value(experiment, names.TOKENS_READ, split):.0f}"
    return cells


def _held_out(experiment: str, scores: Summaries) -> dict[str, str]:
    cells = scores.cells("perplexity", experiment, names.PERPLEXITY, HELD_OUT, PERPLEXITIES)
    cells |= scores.cells("bits_per_byte", experiment, names.BITS, HELD_OUT, SHARES)
    cells["passages"] = str(scores.find(experiment, names.PERPLEXITY, HELD_OUT)["n"])
    return cells


def _parsed(experiment: str, scores: Summaries) -> dict[str, str]:
    cells = scores.cells("parses", experiment, names.PARSES, TEXTS, SHARES)
    cells |= scores.cells("parses_cut", experiment, names.PARSES_CUT, TEXTS, SHARES)
    cells["texts"] = str(scores.find(experiment, names.PARSES, TEXTS)["n"])
    return cells


def recital_texts(spec: TableSpec, scores: Summaries, samplings: Mapping[str, Texts]) -> pd.DataFrame:
    """A greedy text of a model a row: what follows the prompt, and how much of it stands in what was trained and in the rest.

    ``_run`` is the longest run of characters, ``_tokens`` that of tokens, ``_8grams`` the share of its 8-grams of words;
    ``same`` tells whether the other methods gave the same text, token by token.
    """
    rows = []
    for name in (spec.base, *spec.order):
        shown = spec.models.get(name)
        experiment, seed = (shown.experiment, str(shown.seed)) if shown else (spec.base_experiment, "")
        greedy, *others = samplings[name].methods.values()
        for place, text in enumerate(greedy):
            row = {"model": shown.experiment if shown else name, "seed": seed, "prompt": text.prompt, "text": text.text}
            for split in (TRAINED, TAIL):
                for column, metric, digits in (
                    ("run", names.CHARACTERS, 0),
                    ("tokens", names.TOKENS, 0),
                    ("8grams", names.COPIED, SHARES),
                ):
                    own = scores.per_seed(f"{experiment}/{text.prompt}", metric, split).set_index("seed")
                    row[f"{split}_{column}"] = fixed(own.loc[seed or "0", "value"], digits)
            row["tokens"] = str(len(text.tokens))
            row["same"] = "yes" if all(other[place].token_ids == text.token_ids for other in others) else "no"
            rows.append(row)
    return pd.DataFrame(rows)


def texts_table(spec: TableSpec, samples: Mapping[str, Path]) -> pd.DataFrame:
    """Texts of the first model of each declaration, before its first step and after its last one; ``parses`` of texts of Python
    tells whether the parser accepts prompt and text, ``parses_cut`` the same without the unfinished last line.
    """
    rows = []
    for experiment, members in spec.experiments.items():
        for when, sample in zip((BEFORE, "after"), sampled(samples[members[0]]), strict=True):
            for index, (text, whole) in enumerate(zip(sample.texts, joined(sample), strict=True)):
                row = {"model": experiment, "when": when, "index": str(index), "prompt": sample.prompt, "text": text}
                if spec.role == "code":
                    row["parses"] = _word(parses(whole))
                    row["parses_cut"] = _word(parses(without_last_line(whole)))
                rows.append(row)
    return pd.DataFrame(rows)


def _word(holds: bool) -> str:
    return "yes" if holds else "no"


def curve(spec: TableSpec, histories: Mapping[str, Path]) -> pd.DataFrame:
    """Every evaluation of every model: losses in nats a token, targets read so far, the learning rate from there on."""
    parts = []
    for name in spec.order:
        history = read_history(histories[name])
        parts.append(
            pd.DataFrame(
                {
                    "model": f"{spec.models[name].experiment} ({told(spec.adaptations[name])})",
                    "seed": spec.models[name].seed,
                    "step": history.index,
                    "tokens_seen": history["tokens_seen"].astype(int),
                    "train_loss": [fixed(value, 4) for value in history["train_loss"]],
                    "validation_loss": [fixed(value, 4) for value in history["validation_loss"]],
                    "learning_rate": [f"{value:.4g}" for value in history["learning_rate"]],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def files_of(samplings: Sequence[Texts], spec: TableSpec) -> dict[str, Texts]:
    """Samplings by the model that they are of."""
    by_sampling = {one.sampling: one for one in samplings}
    return {model: by_sampling[name] for model, name in spec.samplings.items()}
