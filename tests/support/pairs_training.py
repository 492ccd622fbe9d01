"""Training on pairs as a process that tests kill: words and their letters backwards."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.encoder_decoders import make_pairs, tokenizer, words
from support.finetuning import LORA, make_base
from support.runs import CHECKOUT
from support.training import TrainingRun

#: Every part of the loop has something to do in these steps: 48 pairs make 6 an epoch.
TRAINING: dict[str, Any] = {
    "steps": 24,
    "batch": 4,
    "accumulation": 2,
    "learning_rate": 0.01,
    "clip": 1.0,
    "schedule": {"kind": "linear", "warmup": 5},
    "evaluation": {"every": 6, "pairs": 8},
}
SHARED: dict[str, Any] = {"dataset": "words", "source_tokens": 24, "target_tokens": 16, "threads": 1, "seed": 3}
#: An encoder–decoder from random weights.
SCRATCH: dict[str, Any] = {
    **SHARED,
    "kind": "trained_on_pairs",
    "tokenizer": "letters",
    "architecture": {"width": 16, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "dropout": 0.2},
    "training": {**TRAINING, "smoothing": 0.1},
}
#: A language model that continues the template by the target.
FINETUNED: dict[str, Any] = {
    **SHARED,
    "kind": "finetuned_on_pairs",
    "base": "base",
    "template": "Backwards {source}:",
    "training": TRAINING,
}
PAIRS_LORA: dict[str, Any] = {**FINETUNED, "adaptation": LORA}


def spec(settings: dict[str, Any], training: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The settings of a job with some changed."""
    changed = {**copy.deepcopy(settings), **more}
    changed["training"] |= training or {}
    return changed


def make_words(folder: Path) -> Path:
    """Write the splits of the data set, a tokenizer of its letters and, beside them, a language model; return the folder."""
    from relab import characters

    make_pairs(folder, words(60), validation=12)
    characters.save(tokenizer(words(60)), folder / "tokenizer")
    make_base(folder.parent / "base")
    return folder


@dataclass
class PairsRun(TrainingRun):
    """One model to be trained on pairs, by as many attempts as it takes; a ``base`` counts where the settings name one."""

    @property
    def program(self) -> Path:
        kind = self.spec.get("adaptation", {}).get("kind", "full")
        return CHECKOUT / "scripts" / ("train_on_pairs.py" if kind == "full" else "adapt_to_pairs.py")

    @property
    def record(self) -> Path:
        weights = "model" if self.program.stem == "train_on_pairs" else "adapter_model"
        return self.output / f"{weights}.safetensors.provenance.json"

    def words(self, *more: str) -> list[str]:
        return [
            *("--train", f"{self.corpus}/train.parquet", "--validation", f"{self.corpus}/validation.parquet"),
            *(("--base", f"{self.base}") if "base" in self.spec else ("--tokenizer", f"{self.corpus}/tokenizer")),
            *("--output-dir", f"{self.output}", "--state", f"{self.state}"),
            *("--spec", json.dumps(self.spec), "--code", "abc"),
            *("--provenance", f"{self.record}", *more),
        ]
