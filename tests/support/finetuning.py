"""The tiny published GPT-2 as a model directory to start from, a corpus of its tokens, settings of a job."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from support import tiny_gpt2

PLAY = tiny_gpt2.DATA / "comedy_of_errors_act_1.en.md"

#: Every part of the loop has something to do in these steps.
SPEC: dict[str, Any] = {
    "kind": "finetuned",
    "base": "base",
    "corpus": "play",
    "block": 16,
    "threads": 1,
    "seed": 3,
    "training": {
        "steps": 24,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 0.01,
        "clip": 1.0,
        "schedule": {"kind": "linear", "warmup": 5},
        "evaluation": {"every": 6, "blocks": 8},
        "samples": {"every": 12, "length": 12, "prompt": "The"},
    },
}

FULL: dict[str, Any] = {"kind": "full"}
LORA: dict[str, Any] = {"kind": "lora", "rank": 2, "alpha": 8, "targets": ["c_attn", "c_fc"]}
PREFIX: dict[str, Any] = {"kind": "prefix", "tokens": 5}


def make_base(folder: Path) -> Path:
    """Import the tiny GPT-2 into a model directory, and return it."""
    from relab.published.model import import_model

    import_model([tiny_gpt2.FOLDER / name for name in tiny_gpt2.FILES], folder)
    return folder


def make_corpus(folder: Path, base: Path) -> Path:
    """Write the splits of an act of a play, and their token ids by the base's tokenizer; return the folder."""
    from relab.corpora.storage import Writer
    from relab.tokens.tokenize import tokenize

    documents = PLAY.read_text(encoding="utf-8").split("\n\n")
    cut = len(documents) * 4 // 5
    folder.mkdir(parents=True)
    for name, part in {"train": documents[:cut], "validation": documents[cut:]}.items():
        with Writer(folder / f"{name}.parquet") as writer:
            for document in part:
                writer.add(document)
        tokenize(folder / f"{name}.parquet", base, "\n\n", folder / f"{name}.arrow")
    return folder


def spec(adaptation: dict[str, Any] | None = None, training: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The settings of a job; keys of ``training`` whose value is None are left out."""
    changed = {**copy.deepcopy(SPEC), **more}
    if adaptation:
        changed["adaptation"] = adaptation
    for key, value in (training or {}).items():
        if value is None:
            del changed["training"][key]
        else:
            changed["training"][key] = value
    return changed
