"""Records of a training run: its losses, its speed, texts sampled on the way."""

from __future__ import annotations

import json
import math
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
SPEED_COLUMNS = ["step", "seconds", "tokens_per_second", "sampled_per_second"]

#: The files of :func:`write_history`, and of :func:`write_samples`.
FILES, SAMPLES = ("history.csv", "speed.csv"), "samples.jsonl"


def bits_per_byte(nats: float | None, text_bytes: float) -> float | None:
    """Bits per byte of targets whose losses sum to ``nats`` and whose text has ``text_bytes``: comparable across tokenizers.

    None where there are no nats, or no bytes.
    """
    return None if nats is None or not text_bytes else nats / text_bytes / math.log(2)


def write_history(
    directory: Path, history: list[dict[str, Any]], speed: list[dict[str, Any]], sampling: list[dict[str, Any]]
) -> None:
    """Write ``history.csv`` and ``speed.csv``, whose times differ from run to run.

    ``speed.csv`` has a row for each step at which speed was measured: tokens per second of training since the row before, and
    of sampling at the step.
    """
    write_csv(directory / "history.csv", pd.DataFrame(history, columns=COLUMNS))
    rows = {row["step"]: dict(row) for row in speed}
    for row in sampling:
        rows.setdefault(row["step"], {}).update(row)
    write_csv(directory / "speed.csv", pd.DataFrame([rows[step] for step in sorted(rows)], columns=SPEED_COLUMNS).round(3))


def write_samples(directory: Path, samples: list[dict[str, Any]]) -> None:
    """Write ``samples.jsonl``: the texts sampled on the way, a line a text."""
    lines = (json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n" for sample in samples)
    write_text(directory / SAMPLES, "".join(lines))
