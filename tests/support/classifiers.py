"""Fine-tuning a classifier as a process that tests kill, on lines in two languages."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import tiny_gpt2
from support.finetuning import make_base
from support.runs import CHECKOUT
from support.training import TrainingRun

CLASSES = ["English", "Italian"]

#: Every part of the loop has something to do in these steps: 56 rows make 14 an epoch.
SPEC: dict[str, Any] = {
    "model": "base",
    "dataset": "lines",
    "tokens": 32,
    "threads": 1,
    "seed": 3,
    "classes": CLASSES,
    "training": {"epochs": 3, "batch": 4, "learning_rate": 0.01, "evaluations": 2},
}
STEPS = 42
LORA = {"kind": "lora", "rank": 2, "alpha": 8, "targets": ["c_attn"]}


def lines() -> list[dict[str, str]]:
    """Lines of the two texts, each with its language."""
    with open(tiny_gpt2.DATA / "tiny_sets" / "rows.csv", encoding="utf-8", newline="") as file:
        return [{"text": row["text"], "label": CLASSES[int(row["language"])]} for row in csv.DictReader(file)]


def make_splits(folder: Path) -> dict[str, Path]:
    """Write these lines as the three splits of a data set."""
    from relab.datasets.storage import CLASSIFICATION, write

    rows, folder = lines(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(zip(rows[0::2], rows[1::2], strict=True))  # a line of each language
    drawn = {"train": pairs[0::2], "validation": pairs[1::4], "test": pairs[3::4]}
    parts = {split: [row for pair in own for row in pair] for split, own in drawn.items()}
    for split, own in parts.items():
        write(folder / f"{split}.parquet", own, CLASSIFICATION)
    return {split: folder / f"{split}.parquet" for split in parts}


def make_models(folder: Path) -> Path:
    """The tiny GPT-2 as a model directory of the name ``base``, with a splits' folder beside it; return the folder."""
    make_base(folder / "base")
    make_splits(folder)
    return folder


def open_classifier(directory: Path, models: Path):
    """A fine-tuned classifier in evaluation mode; an adapter is merged into its base, which lies in ``models``."""
    from peft import PeftConfig, PeftModel
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from relab.adapters import without_peft_warnings

    if not (directory / "adapter_config.json").exists():
        return AutoModelForSequenceClassification.from_pretrained(directory).eval()
    base, config = models / PeftConfig.from_pretrained(directory).base_model_name_or_path, AutoConfig.from_pretrained(directory)
    size, pad = config.vocab_size, config.pad_token_id
    config.vocab_size, config.pad_token_id = AutoConfig.from_pretrained(base).vocab_size, None
    network = AutoModelForSequenceClassification.from_pretrained(base, config=config)
    network.resize_token_embeddings(size, mean_resizing=False)
    network.config.pad_token_id = pad
    with without_peft_warnings():
        return PeftModel.from_pretrained(network, directory).merge_and_unload().eval()


@dataclass
class ClassifierRun(TrainingRun):
    """One classifier to be fine-tuned, by as many attempts as it takes; ``corpus`` holds the splits and the model."""

    @property
    def program(self) -> Path:
        return CHECKOUT / "scripts" / "finetune_classifier.py"

    @property
    def record(self) -> Path:
        return self.output / "predictions.parquet.provenance.json"

    def words(self, *more: str) -> list[str]:
        parts = ("train", "validation", "test")
        splits = [word for split in parts for word in (f"--{split}", f"{self.corpus}/{split}.parquet")]
        return [
            *(*splits, "--base", f"{self.corpus}/base", "--output-dir", f"{self.output}", "--state", f"{self.state}"),
            *("--spec", json.dumps(self.spec), "--code", "abc", "--provenance", f"{self.record}", *more),
        ]
