"""One step of a row by the program of all rows, in this process: Python and torch are not started anew."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.runs import CHECKOUT

from relab.settings.base import canonical


def run_program(
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    inputs: Mapping[str, Path | Iterable[Path]],
    outputs: Mapping[str, Path],
    spec: Mapping[str, Any],
    provenance: Path,
) -> None:
    """Run ``scripts/row.py``; ``function`` is ``{kind}.{module}.{function}``.

    Raises:
        SystemExit: where it ends on an error.
    """
    words: list[Any] = [*function.split(".", 1)]
    for name, paths in inputs.items():
        words += ["--input", name, *([paths] if isinstance(paths, Path) else paths)]
    for name, path in outputs.items():
        words += ["--output", name, path]
    words += ["--spec", canonical(spec), "--provenance", provenance]
    monkeypatch.setattr(sys, "argv", ["row", *map(str, words)])
    runpy.run_path(str(CHECKOUT / "scripts" / "row.py"), run_name="__main__")
