"""Names of artefacts in tables, and so in the figures that are drawn from them, as people say them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from relab.companion_columns import NAMES


def with_titles(table: pd.DataFrame, titles: Mapping[str, str], columns: Collection[str]) -> pd.DataFrame:
    """A table in whose ``columns`` the names of artefacts are their titles, also as words of a longer text.

    Beside a column that changed, ``{column}_name`` keeps what stood there.
    """
    if not titles:
        return table
    words = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w.-])({words})(?![\w-]|\.\w)")

    def titled(cell: Any) -> Any:
        return pattern.sub(lambda match: titles[match[1]], cell) if isinstance(cell, str) else cell

    table = table.copy()
    for column in [column for column in table.columns if column in columns]:
        names = table[column]
        table[column] = names.map(titled)
        if not table[column].equals(names):
            table.insert(table.columns.get_loc(column) + 1, column + NAMES, names)
    return table
