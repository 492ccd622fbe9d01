"""What training on pairs took: the steps of a row that read models' files and records."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from safetensors.numpy import save_file
from support.row_steps import run_step

from relab.files import read_csv
from relab.rows.targets import costs
from relab.scores import Summaries


def run_targets(function, folder, inputs, outputs, spec):
    done = run_step(f"targets.{function}", inputs, outputs, spec, folder / "provenance.json")
    assert done.returncode == 0, done.stderr


def table(path):
    return read_csv(path, dtype=str).fillna("")


def write_model(folder, shapes, prefix="model", **record):
    """A model's files: weights of some shapes, history, speed, and the record of its training."""
    folder.mkdir(parents=True)
    weights = folder / f"{prefix}.safetensors"
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, weights)
    history = {"step": [0, 5], "tokens_seen": [0, 640], "train_loss": [None, 2.0], "validation_loss": [3.0, 2.5]}
    history |= {"train_bits_per_byte": [None, 1.0], "validation_bits_per_byte": [1.5, 1.2], "folded": [False, False]}
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    pd.DataFrame({"step": [0, 5], "seconds": [1.5, 9.25]}).to_csv(folder / "speed.csv", index=False)
    (folder / f"{prefix}.safetensors.provenance.json").write_text(
        json.dumps({"device": "cpu", "peak_memory_mib": 700, **record})
    )
    return weights


def test_what_training_took(tmp_path):
    base = write_model(tmp_path / "base", {"a": (10, 10)})
    full = write_model(tmp_path / "full", {"a": (10, 10)})
    lora = write_model(tmp_path / "lora", {"a": (10, 2), "b": (2, 10)}, "adapter_model", peak_gpu_memory_mib=300)
    models = {
        "full": {"label": "all of it", "seed": 0, "trained": "all weights"},
        "lora": {"label": "LoRA", "seed": 3, "trained": "LoRA, rank 2", "base": "base"},
    }
    trained = [full, lora]
    inputs = {
        "weights": [*trained, base],
        "histories": [path.parent / "history.csv" for path in trained],
        "speeds": [path.parent / "speed.csv" for path in trained],
        "records": [path.with_name(f"{path.name}.provenance.json") for path in trained],
    }
    made = {name: tmp_path / f"{name}.csv" for name in ("cost", "curves")} | {"cost_scores": tmp_path / "cost.parquet"}
    run_targets("costs.tabulate", tmp_path, inputs, made, {"name": "short", "models": models, "order": ["full", "lora"]})
    cost = table(tmp_path / "cost.csv").set_index("model")
    assert cost["parameters"].to_dict() == {"all of it": "100", "LoRA": "140"}
    assert cost["trained_parameters"].to_dict() == {"all of it": "100", "LoRA": "40"}
    assert cost["seconds"].tolist() == ["9.2", "9.2"] and cost["memory"].tolist() == ["700", "700"]
    assert [value.removesuffix(".0") for value in cost["card_memory"]] == ["", "300"]
    read = Summaries.read(tmp_path / "cost.parquet")
    assert read.value("short/LoRA", costs.BYTES, "files") == lora.stat().st_size
    assert set(read.frame["metric"]) == {"parameters", "trained parameters", "bytes on disk"}  # times are no scores
    curves = table(tmp_path / "curves.csv")
    assert curves["model"].tolist() == ["all of it"] * 2 + ["LoRA"] * 2 and curves["validation_loss"].tolist()[:2] == [
        "3.0000",
        "2.5000",
    ]
    systems = tmp_path / "systems.csv"
    pd.DataFrame([{"system": "a", "bleu": 0.2, "bleu_low": 0.1, "bleu_high": 0.3}]).to_csv(systems, index=False)
    drawn = {name: tmp_path / f"{name}.svg" for name in ("metrics", "curves")}
    run_targets(
        "figures.draw", tmp_path, {"systems": systems, "curves": made["curves"]}, drawn, {"metrics": ["BLEU"], "baselines": []}
    )
    assert all(path.is_file() for path in drawn.values())
