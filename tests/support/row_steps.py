"""One step of a row, done as Snakemake has it done: by the program of all rows, from files by name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.runs import CHECKOUT, run_job


def run_step(
    function: str,
    inputs: Mapping[str, Path | Iterable[Path]],
    outputs: Mapping[str, Path],
    spec: Mapping[str, Any],
    provenance: Path,
) -> subprocess.CompletedProcess:
    """Run ``scripts/row.py``; returns its output whatever its status. ``function`` is ``{kind}.{module}.{function}``."""
    kind, _, step = function.partition(".")
    words: list[Any] = [kind, step]
    for name, paths in inputs.items():
        words += ["--input", name, *([paths] if isinstance(paths, Path) else paths)]
    for name, path in outputs.items():
        words += ["--output", name, path]
    words += ["--spec", json.dumps(spec), "--provenance", provenance]
    return run_job(CHECKOUT / "scripts" / "row.py", *words)
