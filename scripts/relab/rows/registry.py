"""The kinds of rows, found by name: the kind ``retrieval`` is the folder ``relab/rows/retrieval`` with a class ``Row``.

A kind is imported where a row names it, and no other: a new folder is a new kind, and what nobody uses costs no time.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

from relab.errors import UserError
from relab.rows.contract import RowSettings
from relab.settings.layers import read_yaml

FOLDER = Path(__file__).resolve().parent


def kinds() -> list[str]:
    """The names of all kinds of rows."""
    return sorted(path.parent.name for path in FOLDER.glob("*/show.yaml"))


def row_kind(kind: Any, key: str) -> type[RowSettings]:
    """The settings of a kind of row; ``key`` is the row's, for the message.

    Raises:
        UserError: where there is no such kind.
    """
    known = kinds()
    if kind not in known:
        close = difflib.get_close_matches(str(kind), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
        raise UserError(f"{key}.kind: {kind!r} is no kind of row; {hint}")
    return importlib.import_module(f"relab.rows.{kind}").Row


def display_settings(kind: str) -> dict[str, Any]:
    """How the report shows the tables and figures of a kind: what stands in its ``show.yaml``."""
    return read_yaml(FOLDER / kind / "show.yaml") or {}
