"""One step of a row, done as Snakemake has it done: by the program of all rows, from files by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.runs import CHECKOUT, environment


def run_step(
    function: str,
    inputs: Mapping[str, Path | Iterable[Path]],
    outputs: Mapping[str, Path],
    spec: Mapping[str, Any],
    provenance: Path,
) -> subprocess.CompletedProcess:
    """Run ``scripts/row.py``; returns its output whatever its status. ``function`` is ``{kind}.{module}.{function}``."""
    kind, _, step = function.partition(".")
    words: list[Any] = [sys.executable, CHECKOUT / "scripts" / "row.py", kind, step]
    for name, paths in inputs.items():
        words += ["--input", name, *([paths] if isinstance(paths, Path) else paths)]
    for name, path in outputs.items():
        words += ["--output", name, path]
    words += ["--spec", json.dumps(spec), "--provenance", provenance]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment())
