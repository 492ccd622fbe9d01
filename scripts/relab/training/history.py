"""Records of a training run: its losses, its speed, texts sampled on the way."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from relab.files import write_csv, write_text

COLUMNS = [
    "step",
    "tokens_seen",
    "train_loss",
    "validation_loss",
    "train_bits_per_byte",
    "validation_bits_per_byte",
    "folded",  # whether the tokenizer changes the text: then bits per byte compare with no other tokenizer's
    "learning_rate",
]

#: The files of :func:`write_history`, and of :func:`write_samples`.
FILES, SAMPLES = ("history.csv", "speed.csv"), "samples.jsonl"


def bits_per_byte(nats: float | None, text_bytes: float) -> float | None:
    """Bits per byte of targets whose losses sum to ``nats`` and whose text has ``text_bytes``: comparable across tokenizers.

    None where there are no nats, or no bytes.
    """
    return None if nats is None or not text_bytes else nats / text_bytes / math.log(2)


def speed_columns(items: str) -> list[str]:
    """The columns of ``speed.csv`` of a training whose losses are means over items of this name."""
    return ["step", "seconds", f"{items}_per_second", "sampled_per_second"]


SPEED_COLUMNS = speed_columns("tokens")


def write_history(
    directory: Path, history: list[dict[str, Any]], speed: list[dict[str, Any]], sampling: list[dict[str, Any]],
    columns: Sequence[str] = COLUMNS, items: str = "tokens",
) -> None:  # fmt: skip
    """Write ``history.csv`` and ``speed.csv``, whose times differ from run to run.

    ``speed.csv`` has a row for each step at which speed was measured: ``items`` per second of training since the row before,
    and tokens per second of sampling at the step.
    """
    write_csv(directory / "history.csv", pd.DataFrame(history, columns=columns))
    rows = {row["step"]: dict(row) for row in speed}
    for row in sampling:
        rows.setdefault(row["step"], {}).update(row)
    write_csv(
        directory / "speed.csv", pd.DataFrame([rows[step] for step in sorted(rows)], columns=speed_columns(items)).round(3)
    )


def write_samples(directory: Path, samples: list[dict[str, Any]]) -> None:
    """Write ``samples.jsonl``: the texts sampled on the way, a line a text."""
    lines = (json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in samples)
    write_text(directory / SAMPLES, "".join(lines))
