"""What a training left behind: its history of losses and the texts it sampled on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from relab.errors import UserError
from relab.files import read_csv

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
    lacking = [column for column in ("step", *LOSSES.values(), *BITS.values(), FOLDED) if column not in history]
    if lacking:
        raise UserError(f"{path}: no column {lacking[0]!r}")
    if history.empty:
        raise UserError(f"{path}: no evaluation in it")
    return history.set_index("step").sort_index()


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
            f"{path}: no evaluation at step {step}, which the row shows; "
            f"there are {', '.join(str(one) for one in history.index)}"
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
    found: dict[int, dict[int, str]] = {}
    prompts: dict[int, str] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            step = entry["step"]
            found.setdefault(step, {})[entry["index"]] = entry["text"]
            prompts[step] = entry["prompt"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UserError(f"{path}, line {number}: expected an object with step, index, prompt and text ({error})") from None
    return {step: Sample(prompts[step], [texts[index] for index in sorted(texts)]) for step, texts in sorted(found.items())}


def texts_at(samples: dict[int, Sample], step: int, path: Path) -> Sample:
    """The texts sampled at ``step``.

    Raises:
        UserError: where none was sampled then.
    """
    if step not in samples:
        raise UserError(
            f"{path}: no text sampled at step {step}, which the row shows; "
            f"there are {', '.join(str(one) for one in samples) or 'none'}"
        )
    return samples[step]
