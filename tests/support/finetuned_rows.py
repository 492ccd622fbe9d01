"""What two trainings from one base leave behind, made up: histories, losses, sampled texts, weights, judgements of texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save_file
from support.losses import save_losses

from relab.corpora.storage import Writer
from relab.files import write_csv
from relab.judging.storage import Judgement, Judgements, write_judgements
from relab.rows.job import Job
from relab.scores import SCHEMA, Summaries, with_summary
from relab.training.history import COLUMNS

LORA = {"kind": "lora", "rank": 4, "targets": ["q_proj"]}
MODELS = {f"heart-s{seed}": {"experiment": "heart", "seed": seed, "adaptation": LORA} for seed in (0, 1)}
SPEC: dict[str, Any] = {"name": "books", "base": "old", "base_kind": "published", "models": MODELS, "order": list(MODELS)}


def write_corpus(path: Path, *texts: str) -> Path:
    """Write one split of a corpus."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(path) as writer:
        for text in texts:
            writer.add(text)
    return path


def judgement(source: str, split: str, text: str, logprobs: Sequence[float], index: int = 0, **more: Any) -> Judgement:
    """One judged text, counted whole unless ``more`` says otherwise."""
    fields = {"prompt": "", "prompt_index": 0, "tokens": len(logprobs), "characters": len(text), "cut": False}
    fields |= {"start": "<|endoftext|>", **more}
    return Judgement(source=source, method=split, index=index, text=text, logprobs=logprobs, **fields)


def summaries(rows: Any) -> Summaries:
    """Scores as tables read them."""
    return Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "scores.parquet")


def make_files(folder: Path, judgements: Judgements, train: Sequence[str], validation: Sequence[str]) -> dict[str, list[Path]]:
    """Write what both models leave behind, the base's weights, both splits of their corpus and judgements: inputs by name."""
    for name, shift in (("heart-s0", 0.0), ("heart-s1", 0.5)):
        _write_training(folder / name, shift)
    (folder / "old").mkdir()
    save_file({"a": torch.zeros(50, 20)}, folder / "old" / "model.safetensors")
    write_judgements(folder / "judgements.jsonl", [text for texts in judgements.values() for text in texts])
    return {
        "histories": [folder / name / "history.csv" for name in MODELS],
        "losses": [folder / name / "losses.parquet" for name in MODELS],
        "samples": [folder / name / "samples.jsonl" for name in MODELS],
        "weights": [folder / "old/model.safetensors", *(folder / name / "adapter_model.safetensors" for name in MODELS)],
        "judgements": [folder / "judgements.jsonl"],
        "train": [write_corpus(folder / "train.parquet", *train)],
        "validation": [write_corpus(folder / "validation.parquet", *validation)],
    }


def _write_training(folder: Path, shift: float) -> None:
    rows = [
        [0, 0, None, 4.0 + shift, None, 2.0, False, 0.01],
        [2, 20, 3.0 + shift, 3.0 + shift, 1.5, 1.5, False, 0.005],
        [3, 30, 1.5 + shift, 2.0 + shift, 0.7, 1.0, False, 0.0],
    ]
    write_csv(folder / "history.csv", pd.DataFrame(rows, columns=COLUMNS))
    save_losses(folder / "history.csv")
    lines = [
        json.dumps({"step": step, "index": index, "prompt": "def f():", "text": text})
        for step, texts in ((0, ["\n  return 1\nde f", " 1"]), (3, ["\n  return 2\n", "\n  return"]))
        for index, text in enumerate(texts)
    ]
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n")
    save_file({"lora_A": torch.zeros(2, 3)}, folder / "adapter_model.safetensors")


def job(inputs: dict[str, list[Path]], spec: dict[str, Any], **outputs: Path) -> Job:
    """The job of one step."""
    return Job(inputs, outputs, spec)


def scored(folder: Path, inputs: dict[str, list[Path]], rows: Any) -> dict[str, list[Path]]:
    """The inputs of the job that writes the tables: those of the scores, and the scores themselves."""
    from relab.scores import write_summarised

    write_summarised(folder / "scores.parquet", rows)
    return {**inputs, "scores": [folder / "scores.parquet"]}
