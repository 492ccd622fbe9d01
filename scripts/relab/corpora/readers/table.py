"""Tables with a column of text: CSV, TSV, JSON lines and arrays, Parquet and Arrow, read a block at a time."""

from __future__ import annotations

import os
import reprlib
from collections import Counter
from collections.abc import Iterator, Sequence

from relab.corpora.sources import LARGEST_DOCUMENT, Source, sources, too_large_error, utf8_size
from relab.errors import UserError
from relab.settings.corpora import TableReader
from relab.tabular import RowFilter, TableFormat, cell_value, matches, source_rows


def read(paths: Sequence[str | os.PathLike], settings: TableReader, tally: Counter[str]) -> Iterator[str]:
    """Yield the texts of one column of tables."""
    for source in sources(paths):
        yield from column_texts(source, settings.column, settings.where, TableFormat.of(settings))


def column_texts(source: Source, column: str, where: RowFilter, table_format: TableFormat) -> Iterator[str]:
    """Yield the texts of one column, of the rows whose other columns have the values of ``where``; a missing text is empty.

    Raises:
        UserError: an unknown ending, a missing column, text that is none, a row that cannot be parsed; names file and row.
    """
    for location, row in source_rows(source, {column: None, **where}, table_format):
        if matches(row, where):
            value = cell_value(row, column)
            text = "" if value is None else value
            if not isinstance(text, str):
                raise UserError(f"{location}: expected text in the column {column!r}, found {reprlib.repr(value)}")
            if utf8_size(text) > LARGEST_DOCUMENT:
                raise too_large_error(location)
            yield text
