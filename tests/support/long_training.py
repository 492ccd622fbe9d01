"""A model of the tests' smallest run whose training takes some seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

MODEL = "results/models/italian-w8-s0"
TARGET = f"{MODEL}/model.safetensors"
LOG = "results/logs/train_model/italian-w8-s0.log"


def interruptible(checkout: Path) -> Path:
    """A finished run without one model, whose training now takes long enough to be interrupted."""
    shutil.rmtree(checkout / MODEL)
    (checkout / LOG).unlink()
    shutil.rmtree(checkout / "state", ignore_errors=True)
    overlay = checkout / "tests/config/tiny.yaml"
    text = overlay.read_text()
    assert "steps: 6\n" in text
    overlay.write_text(text.replace("steps: 6\n", "steps: 1000\n").replace("every: 2,", "every: 500,"))
    text = overlay.read_text().replace("steps: [2, 4, 6]", "steps: [500, 1000]")
    overlay.write_text(text)
    return checkout
