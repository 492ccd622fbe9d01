"""What stands in the cells of tables: numbers of a fixed number of decimals, and tokens whose blanks can be seen."""

from __future__ import annotations

import pandas as pd

#: For ``str.translate``: the signs that stand for a blank, a line end and a tabulator in a token.
VISIBLE = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; nothing where it is missing."""
    return "" if pd.isna(value) else f"{value:.{digits}f}"
