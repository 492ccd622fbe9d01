"""What small trainings of a sweep left, made up: two widths on one corpus, the narrow one with two seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file
from scipy.stats import ttest_1samp
from support.losses import save_losses

from relab.rows.job import Job

TRAIN = ["il cielo e la terra\nera senza forma\n", "e la luce fu fatta\n"]
VALIDATION = ["la terra era vuota\ne la luce era buona\n" * 40]

#: Validation loss at steps 0, 50 and 100 of width 32 with seeds 0 and 1, and of width 128 with seed 0.
LOSSES = {"w32-s0": [4.0, 3.0, 2.5], "w32-s1": [4.2, 3.2, 2.9], "w128-s0": [4.1, 2.2, 2.4]}
TEXTS = {
    "w32-s0": {50: ["e la xx\nqq e la terra", "zz yy la luce\nla"], 100: ["e la luce fu fatta\nil NA\n", "era vuo\nla luce\n"]},
    "w32-s1": {50: ["xx xx\n", "xx xx\n"], 100: ["xx xx\n", "la terra\n"]},
    "w128-s0": {50: ["e la luce\n", "e la\n"], 100: ["E la  luce fu fatta\n", "la terra e\n"]},
}


def _model(width: int, seed: int) -> dict:
    return {"corpus": "italian", "seed": seed, "varied": {"corpus": "italian", "width": width, "seed": seed}}


MODELS = {"w32-s0": _model(32, 0), "w32-s1": _model(32, 1), "w128-s0": _model(128, 0)}

#: The files of each model by the name of a job's input.
FILES = {"histories": "history.csv", "losses": "losses.parquet", "samples": "samples.jsonl", "weights": "model.safetensors"}

Files = dict[str, list[Path]]


def make(folder: Path) -> Files:
    """Write the files of the models and of their corpus; returns them by the name of a job's input."""
    for name in MODELS:
        model = folder / "models" / name
        model.mkdir(parents=True)
        write_history(model / "history.csv", LOSSES[name])
        write_samples(model / "samples.jsonl", TEXTS[name])
        save_file({"a": np.zeros((3, 4), "float32"), "b": np.zeros(5, "float32")}, model / "model.safetensors")
    corpus = folder / "corpora" / "italian"
    corpus.mkdir(parents=True)
    splits = {"train": TRAIN, "validation": VALIDATION}
    for split, documents in splits.items():
        pq.write_table(pa.table({"text": documents}), corpus / f"{split}.parquet")
    found = {kind: [folder / "models" / name / file for name in MODELS] for kind, file in FILES.items()}
    return {**found, **{split: [corpus / f"{split}.parquet"] for split in splits}}


def job(files: Files, names: str, spec: dict) -> Job:
    """A job that reads some of the files, by the names of its inputs."""
    return Job({name: files[name] for name in names.split()}, {}, spec)


def write_history(path: Path, losses: list[float]) -> None:
    """A history at steps 0, 50 and 100, and the losses of segments beside it."""
    rows = []
    for step, loss in zip((0, 50, 100), losses, strict=True):
        train = loss - 0.25 if step else float("nan")  # there is none before the first step
        numbers = ["" if np.isnan(number) else number for number in (train, loss, 1.4 * train, 1.4 * loss)]
        rows.append(",".join(map(str, [step, step * 64, *numbers, False, 0.0005])))
    header = "step,tokens_seen,train_loss,validation_loss,train_bits_per_byte,validation_bits_per_byte,folded,learning_rate"
    path.write_text("\n".join([header, *rows]) + "\n")
    save_losses(path)


def write_samples(path: Path, texts: dict[int, list[str]]) -> None:
    """The texts sampled on the way, by step."""
    whole = {"prompt": "\n", "settings": {}, "seed": 0, "token_ids": [], "token_logprobs": []}
    entries = [
        {**whole, "step": step, "index": index, "text": text} for step, some in texts.items() for index, text in enumerate(some)
    ]
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in reversed(entries)), encoding="utf-8")


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2
