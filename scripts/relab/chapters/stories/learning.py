"""Rows D1 and D2: what tokenizers make of the corpus of stories, and how models learn from it.

Experiments: ``tokenizer/{name}`` on the validation text (split ``validation``) and on all documents (split ``all``), and
``stories/model`` with the losses of every evaluation, its size and what it read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from relab.cells import fixed
from relab.rows.shared.histories import BITS, read_history, read_samples, text_read
from relab.rows.shared.losses import Training, loss_scores
from relab.errors import UserError
from relab.files import read_csv
from relab.scores import Row, Summaries, exact, score
from relab.settings.base import Int, Name, Settings
from relab.settings.models import Architecture
from relab.tokens.store import Counts, Tokens
from relab.utilisation import flops_per_token, utilisation

#: Names of the chapter's tables on learning.
TABLES = ("tokenizers", "models", "curve", "progress", "speed")

MODEL = "stories/model"
PER_TOKEN, UNKNOWN, LONGEST, CUT = "characters a token", "share of unknown tokens", "longest document", "share of documents cut"
PARAMETERS, SEEN, EPOCHS, LAST, BEST_STEP = "parameters", "tokens seen", "epochs", "last step", "best step"
BEST_BITS = "best bits per byte"
VALIDATION_TOKENS, DOCUMENTS = "tokens of the validation text", "documents"


class TokenizerShown(Settings):
    """A tokenizer as the table shows it."""

    name: Name = Field(description="Its name.")
    vocabulary: Int = Field(description="Pieces of its vocabulary.", ge=1)
    lower_case: bool = Field(description="Whether it folds case.")
    character_coverage: float = Field(description="Share of the training text whose characters are in the vocabulary.")
    byte_fallback: bool = Field(description="Whether other characters become bytes.")


class ScoreSpec(Settings):
    """Settings of the job that scores how models learn."""

    corpus: Name = Field(description="The corpus.")
    tokenizers: list[TokenizerShown] = Field(description="The tokenizers.", min_length=1)
    limit: Int = Field(description="Tokens, marks included, beyond which a document counts as cut.", ge=3)
    models: dict[Name, Int] = Field(description="The models, each with its seed.", min_length=1)
    reads: Name = Field(description="The models' tokenizer.")
    architecture: Architecture = Field(description="The models' architecture.")


def learning_scores(
    settings: ScoreSpec,
    splits: Mapping[str, Mapping[str, Tokens]],
    trained: Mapping[str, Training],
    sizes: Mapping[str, int],
    data: str,
) -> Iterator[Row]:
    """All scores: ``splits`` are the tokens by tokenizer and split, ``trained`` what each training left, ``sizes`` the
    parameters of each model, ``data`` the digest of the corpus.
    """
    for one in settings.tokenizers:
        yield from tokenizer_scores(one.name, splits[one.name], settings.limit, data)
    documents = splits[settings.reads]["train"]
    for model, seed in settings.models.items():
        training, history = trained[model], trained[model].history
        yield from loss_scores(MODEL, seed, training, dict.fromkeys(("train", "validation"), data))
        yield score(MODEL, seed, "validation", BEST_BITS, history[BITS["validation"]].min(), data)
        yield score(MODEL, seed, "validation", BEST_STEP, training.best, data)
        seen = history["tokens_seen"].iloc[-1]
        epochs = seen / targets(documents, settings.architecture.block)
        for metric, value in {PARAMETERS: sizes[model], SEEN: seen, EPOCHS: epochs, LAST: training.last}.items():
            yield exact(MODEL, seed, "validation", metric, value, data)


def targets(documents: Tokens, block: int) -> int:
    """Tokens that are to be predicted in one pass over all documents, each cut to a block."""
    return int(np.clip(documents.lengths - 1, 0, block).sum())


def tokenizer_scores(name: str, splits: Mapping[str, Tokens], limit: int, data: str) -> Iterator[Row]:
    """What a tokenizer makes of a corpus; rates are of the validation text, which it was not trained on."""
    held_out, experiment = splits["validation"].counts, f"tokenizer/{name}"
    tokens = text_tokens(held_out)
    lengths = np.concatenate([tokens.lengths for tokens in splits.values()])
    counted = {("validation", PER_TOKEN): held_out.characters / tokens}
    if held_out.unknown is not None:
        counted["validation", UNKNOWN] = held_out.unknown / tokens
    counted |= {("all", LONGEST): lengths.max(), ("all", CUT): (lengths > limit).mean()}
    counted |= {("validation", VALIDATION_TOKENS): tokens, ("all", DOCUMENTS): len(lengths)}
    for (split, metric), value in counted.items():
        yield exact(experiment, 0, split, metric, value, data)


def text_tokens(counts: Counts) -> int:
    """Tokens of a split that hold text, without the marks around documents."""
    return counts.tokens - (0 if counts.end is None else 2 * counts.documents)


def learning_tables(
    settings: ScoreSpec, scores: Summaries, folders: Mapping[str, Path], devices: Mapping[str, str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables by name (:data:`TABLES`); ``folders`` are the models' directories, ``devices`` where each was trained.

    Raises:
        UserError: a history or a log of texts that cannot be read, a score that is missing.
    """
    histories = {name: read_history(folders[name] / "history.csv") for name in settings.models}
    yield "tokenizers", pd.DataFrame([_tokenizer(one, scores, settings.limit) for one in settings.tokenizers])
    yield "models", models_table(settings, scores, histories)
    yield "curve", curve(settings, histories)
    yield "progress", progress(settings, folders)
    yield "speed", speed(settings, folders, devices, scores.value(MODEL, PARAMETERS))


def _tokenizer(one: TokenizerShown, scores: Summaries, limit: int) -> dict[str, Any]:
    experiment = f"tokenizer/{one.name}"
    counted = scores.frame[(scores.frame["experiment"] == experiment) & (scores.frame["seed"] == "0")].set_index("metric")
    known = UNKNOWN in counted.index
    return {
        "tokenizer": one.name,
        "vocabulary": one.vocabulary,
        "lower_case": "yes" if one.lower_case else "no",
        "character_coverage": f"{one.character_coverage:g}",
        "byte_fallback": "yes" if one.byte_fallback else "no",
        "characters_per_token": fixed(counted.loc[PER_TOKEN, "value"], 3),
        "unknown": fixed(counted.loc[UNKNOWN, "value"], 6) if known else "",
        "validation_tokens": int(counted.loc[VALIDATION_TOKENS, "value"]),
        "longest": int(counted.loc[LONGEST, "value"]),
        "cut": fixed(counted.loc[CUT, "value"], 4),
        "limit": limit,
        "documents": int(counted.loc[DOCUMENTS, "value"]),
    }


def models_table(settings: ScoreSpec, scores: Summaries, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A model a row: its size, what it read, and its lowest validation loss."""
    rows = []
    for name, seed in settings.models.items():
        history = histories[name]
        own = scores.frame[(scores.frame["experiment"] == MODEL) & (scores.frame["seed"] == str(seed))].set_index("metric")[
            "value"
        ]
        best = history["validation_loss"].idxmin()
        rows.append(
            {
                "model": name,
                "seed": seed,
                "parameters": int(own[PARAMETERS]),
                "steps": int(own[LAST]),
                "best_step": int(best),
                "tokens_seen": int(own[SEEN]),
                "epochs": fixed(own[EPOCHS], 3),
                "train_loss": fixed(history.loc[best, "train_loss"], 4),
                "validation_loss": fixed(history.loc[best, "validation_loss"], 4),
                "validation_bits_per_byte": fixed(own[BEST_BITS], 4),
                "text": text_read([history]),
                "rate_drops": int((history["learning_rate"].diff() < -1e-12).sum()),
                "last_rate": f"{history['learning_rate'].iloc[-1]:.3g}",
            }
        )
    return pd.DataFrame(rows)


def curve(settings: ScoreSpec, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every evaluation of every model: bits per byte and the learning rate from there on."""
    columns = {"train_bits_per_byte": 4, "validation_bits_per_byte": 4}
    parts = []
    for name, seed in settings.models.items():
        history = histories[name]
        values = {
            column: history[column].map(lambda value, digits=digits: fixed(value, digits)) for column, digits in columns.items()
        }
        rates = history["learning_rate"].map(lambda value: f"{value:.4g}")
        parts.append(pd.DataFrame({"seed": seed, "step": history.index, **values, "learning_rate": rates}))
    return pd.concat(parts, ignore_index=True)


def progress(settings: ScoreSpec, folders: Mapping[str, Path]) -> pd.DataFrame:
    """The first text that the first model sampled at each step."""
    name = next(iter(settings.models))
    samples = read_samples(folders[name] / "samples.jsonl")
    return pd.DataFrame(
        [{"model": name, "step": step, "prompt": one.prompt, "text": one.texts[0]} for step, one in samples.items()]
    )


def speed(settings: ScoreSpec, folders: Mapping[str, Path], devices: Mapping[str, str], parameters: float) -> pd.DataFrame:
    """How fast each model was trained and sampled from, in tokens a second (medians), and how far its card was used."""
    rows = []
    for name, seed in settings.models.items():
        path = folders[name] / "speed.csv"
        found = read_csv(path)
        if lacking := [column for column in ("tokens_per_second", "sampled_per_second") if column not in found]:
            raise UserError(f"{path}: no column {lacking[0]!r}")
        trained, sampled = found["tokens_per_second"].median(), found["sampled_per_second"].median()
        used = utilisation(trained, _flops(settings.architecture, parameters), devices[name])
        rows.append(
            {
                "model": name,
                "seed": seed,
                "device": devices[name],
                "tokens_per_second": fixed(trained, 0),
                "sampled_per_second": fixed(sampled, 0),
                "utilisation": "" if used is None else fixed(used, 4),
                "seconds": fixed(found["seconds"].max(), 1),
            }
        )
    return pd.DataFrame(rows)


def _flops(architecture: Architecture, parameters: float) -> float:
    """FLOPs a token; the parameters of a model with its own output layer hold the vocabulary twice, once looked up only."""
    width, layers, block = architecture.width, architecture.layers, architecture.block
    blocks = layers * (12 * width * width + 13 * width) + 2 * width
    vocabulary = (parameters - blocks - block * width) / (1 if architecture.tied else 2)
    looked_up = block * width + (0 if architecture.tied else vocabulary)
    return flops_per_token(int(parameters), int(looked_up), layers, width, block)
