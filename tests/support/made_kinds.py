"""Kinds of rows that lie in a folder of the tests."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from relab import rows
from relab.rows import contents, registry


def use(monkeypatch, folder: Path) -> None:
    """Let the kinds in ``folder`` be those that there are, until the test ends."""
    monkeypatch.setattr(registry, "FOLDER", folder)
    monkeypatch.setattr(rows, "__path__", [*rows.__path__, str(folder)])
    monkeypatch.setattr(contents, "_kind", cache(contents._kind.__wrapped__))
    for kind in registry.kinds():
        monkeypatch.delitem(sys.modules, f"relab.rows.{kind}", raising=False)
