"""Training on preferences as a process that tests kill: words read backwards are better than words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.encoder_decoders import words
from support.finetuning import LORA, make_base
from support.pairs_training import PairsRun, spec
from support.runs import CHECKOUT

#: Every part of the loop has something to do in these steps: 48 pairs make 6 an epoch.
DPO: dict[str, Any] = {
    "kind": "dpo",
    "base": "base",
    "dataset": "words",
    "template": "Backwards {source}:",
    "beta": 0.5,
    "prompt_tokens": 24,
    "answer_tokens": 16,
    "threads": 1,
    "seed": 3,
    "training": {
        "steps": 24,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 0.01,
        "clip": 1.0,
        "schedule": {"kind": "linear", "warmup": 5},
        "evaluation": {"every": 6, "pairs": 8},
    },
}
DPO_LORA: dict[str, Any] = spec(DPO, adaptation=LORA)


def make_preferences(folder: Path) -> Path:
    """Write the splits of the data set and, beside them, a language model; return the folder."""
    from relab.datasets.storage import PREFERENCES, write

    folder.mkdir(parents=True)
    rows = [{"prompt": word, "chosen": f" {word[::-1]}", "rejected": f" {word}!"} for word in words(60, letters="abcdefgh")]
    write(folder / "train.parquet", rows[:48], PREFERENCES)
    write(folder / "validation.parquet", rows[48:], PREFERENCES)
    make_base(folder.parent / "base")
    return folder


@dataclass
class PreferencesRun(PairsRun):
    """One model to be trained on preferences, by as many attempts as it takes."""

    @property
    def program(self) -> Path:
        return CHECKOUT / "scripts" / ("adapt_by_dpo.py" if "adaptation" in self.spec else "train_dpo.py")

    @property
    def record(self) -> Path:
        weights = "model" if self.program.stem == "train_dpo" else "adapter_model"
        return self.output / f"{weights}.safetensors.provenance.json"


def with_preferences(raw: dict[str, Any], models: dict[str, Any], adapter: str) -> dict[str, Any]:
    """A configuration with models that learn from a data set ``liked``, other bases beside them, and texts of an adapter."""
    published = raw["assets"]["tiny_gpt2"]
    raw["assets"] |= {
        "gpt2_small": published,
        "t5": published,
        "liked": {**raw["assets"]["tiny_sets"], "files": {"liked.csv": {}}},
    }
    raw["datasets"]["liked"] = {"kind": "preferences", "title": "", "asset": "liked", "tables": {"all": {"file": "liked.csv"}}}
    raw["models"] |= {
        "gpt2_small": {"kind": "published", "asset": "gpt2_small"},
        "t5": {"kind": "encoder_decoder", "asset": "t5"},
        **models,
    }
    raw["samplings"]["of_adapter"] = {"model": adapter, "prompts": ["a"], "methods": {"greedy": {}}, "length": 4}
    return raw
