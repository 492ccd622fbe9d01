"""Overlays that ``relab check`` prints."""

from __future__ import annotations

from pathlib import Path

import yaml
from snakemake.utils import update_config
from support.runs import CHECKOUT, run_relab

from relab.settings.config import resolve


def overlay_of_check(path: Path) -> dict:
    """The overlay of a file or folder, which the configuration takes."""
    told = run_relab("check", path)
    assert told.returncode == 0, told.stderr
    overlay, merged = yaml.safe_load(told.stdout), {}
    for file in ("assets.yaml", "config.yaml"):
        update_config(merged, yaml.safe_load((CHECKOUT / "config" / file).read_text(encoding="utf-8")))
    resolve(merged | {kind: merged[kind] | declared for kind, declared in overlay.items()})
    return overlay
