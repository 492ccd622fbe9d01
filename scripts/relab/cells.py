"""Cells of tables: numbers with a fixed number of decimals, and tokens with visible blanks."""

from __future__ import annotations

import pandas as pd

#: For ``str.translate``: visible signs for a blank, a line end and a tabulator.
VISIBLE = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


def format_fixed(value: float, digits: int) -> str:
    """Format a number with ``digits`` decimals, a zero without a sign; an empty cell for a missing one."""
    return "" if pd.isna(value) else f"{value:z.{digits}f}"
