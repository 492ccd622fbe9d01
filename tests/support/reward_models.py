"""Preferences that a tiny network learns in seconds, and training a reward model as a process that tests kill."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import tiny_bert
from support.classifiers import ClassifierRun
from support.finetuning import make_base
from support.runs import CHECKOUT

#: The word that makes a text the better one; tokenizers know the others, too.
BETTER = "cat"
WORDS = [word for word in tiny_bert.WORDS.split() if word != BETTER]

#: Every part of the loop has something to do in these steps: 40 pairs make 5 an epoch.
SPEC: dict[str, Any] = {
    "model": "base",
    "dataset": "words",
    "tokens": 20,
    "threads": 1,
    "seed": 3,
    "training": {
        "steps": 24,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 0.003,
        "head_learning_rate": 0.03,
        "clip": 1.0,
        "schedule": {"kind": "linear", "warmup": 5},
        "evaluation": {"every": 6, "pairs": 8},
    },
}
LORA: dict[str, Any] = {"kind": "lora", "rank": 2, "alpha": 8, "targets": ["c_attn"]}


def pairs(number: int, seed: int = 0) -> list[dict[str, str]]:
    """Pairs of which the preferred answer has the better word somewhere; two of them share each prompt."""
    draw = random.Random(seed)
    rows = []
    for index in range(number):
        answers = [draw.choices(WORDS, k=draw.randint(2, 6)) for _ in range(2)]
        answers[0][draw.randrange(len(answers[0]))] = BETTER
        chosen, rejected = (" " + " ".join(answer) for answer in answers)
        rows.append({"prompt": f"{WORDS[index // 2 % len(WORDS)]} then", "chosen": chosen, "rejected": rejected})
    return rows


def make_splits(folder: Path, train: int = 40) -> dict[str, Path]:
    """Write the splits of such pairs, and return their paths."""
    from relab.datasets.storage import PREFERENCES, write

    folder.mkdir(parents=True, exist_ok=True)
    for seed, (split, number) in enumerate({"train": train, "validation": 16, "test": 40}.items()):
        write(folder / f"{split}.parquet", pairs(number, seed), PREFERENCES)
    return {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}


def make_preferences(folder: Path) -> Path:
    """These splits with the tiny GPT-2 as the model directory ``base`` in the same folder, which is returned."""
    make_splits(folder)
    make_base(folder / "base")
    return folder


@dataclass
class RewardRun(ClassifierRun):
    """One reward model to be trained, by as many attempts as it takes; ``corpus`` holds the splits and the model."""

    @property
    def program(self) -> Path:
        return CHECKOUT / "scripts" / "train_reward_model.py"

    @property
    def record(self) -> Path:
        return self.output / "model.safetensors.provenance.json"
