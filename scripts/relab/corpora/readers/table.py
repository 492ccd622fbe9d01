"""Tables with a column of text: CSV, TSV, JSON lines and arrays, Parquet and Arrow, read a block at a time."""

from __future__ import annotations

import os
import reprlib
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.corpora.sources import LARGEST_DOCUMENT, Source, sources, too_large, utf8_size
from relab.errors import UserError
from relab.settings.corpora import TableReader
from relab.tabular import Where, cell, keeps, source_rows


def read(paths: Sequence[str | os.PathLike], settings: TableReader, tally: Counter[str]) -> Iterator[str]:
    for source in sources(paths):
        yield from cells(source, settings.column, settings.where)


def cells(source: Source, column: str, where: Where) -> Iterator[str]:
    """Yield the texts of one column, of the rows whose other columns have the values of ``where``; a missing text is empty.

    Raises:
        UserError: naming file and row, for an unknown ending, a missing column, what is no text, what cannot be parsed.
    """
    for place, row in source_rows(source, {column: None, **where}):
        if keeps(row, where):
            found = cell(row, column)
            text = "" if found is None else found
            if not isinstance(text, str):
                raise UserError(f"{place}: expected text in the column {column!r}, found {reprlib.repr(found)}")
            if utf8_size(text) > LARGEST_DOCUMENT:
                raise too_large(place)
            yield text
