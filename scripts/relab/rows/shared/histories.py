"""What a training left behind: its history of losses and the texts it sampled on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.errors import UserError
from relab.files import read_csv, require_columns

LOSSES = {"validation": "validation_loss", "train": "train_loss"}
BITS = {"validation": "validation_bits_per_byte", "train": "train_bits_per_byte"}

#: Whether the models' tokenizer changed the text before they read it: case, characters or blanks.
FOLDED = "folded"
#: What tables say of it.
AS_WRITTEN = "as written"


def read_history(path: Path) -> pd.DataFrame:
    """The history of a training, indexed by step.

    Raises:
        UserError: where it lacks a column or has no row.
    """
    history = read_csv(path)
    require_columns(history, ("step", *LOSSES.values(), *BITS.values(), FOLDED), f"{path}:")
    if history.empty:
        raise UserError(f"{path}: no evaluation in it")
    return history.set_index("step").sort_index()


def curve_rows(history: pd.DataFrame, about: Mapping[str, Any], columns: Iterable[str]) -> pd.DataFrame:
    """A history as rows of a table: what they are about, the steps, and some columns of losses as texts of four decimals."""
    losses = {column: [format_fixed(loss, 4) for loss in history[column]] for column in columns}
    return pd.DataFrame({**about, "step": history.index, **losses})


def text_read(histories: Iterable[pd.DataFrame]) -> str:
    """What models read: the text :data:`AS_WRITTEN`, or :data:`FOLDED`: then bits per byte compare with no other tokenizer."""
    return FOLDED if any(history[FOLDED].eq(True).any() for history in histories) else AS_WRITTEN


def at_step(history: pd.DataFrame, step: int, path: Path) -> pd.Series:
    """The row of a history at ``step``.

    Raises:
        UserError: where nothing was evaluated then.
    """
    if step not in history.index:
        raise UserError(
            f"{path}: no evaluation at step {step}, which the row shows; there are {', '.join(map(str, history.index))}"
        )
    return history.loc[step]


@dataclass(frozen=True)
class Sample:
    """Texts sampled from a model at one step, all after the same prompt, in the order of their index."""

    prompt: str
    texts: list[str]


def read_samples(path: Path) -> dict[int, Sample]:
    """The sampled texts of a training by step.

    Raises:
        UserError: a line that is not such a generation.
    """
    texts: dict[int, dict[int, str]] = {}
    prompts: dict[int, str] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            step = entry["step"]
            texts.setdefault(step, {})[entry["index"]] = entry["text"]
            prompts[step] = entry["prompt"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UserError(f"{path}, line {number}: expected an object with step, index, prompt and text ({error})") from None
    return {
        step: Sample(prompts[step], [by_index[index] for index in sorted(by_index)]) for step, by_index in sorted(texts.items())
    }


def texts_at(samples: dict[int, Sample], step: int, path: Path) -> Sample:
    """The texts sampled at ``step``.

    Raises:
        UserError: where none was sampled then.
    """
    if step not in samples:
        raise UserError(
            f"{path}: no text sampled at step {step}, which the row shows; there are {', '.join(map(str, samples)) or 'none'}"
        )
    return samples[step]
