"""Tables with a column of text: CSV, TSV, JSON lines and Parquet, read a block at a time."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from relab.corpora.sources import LARGEST_DOCUMENT, Source, lines, sources, too_large, utf8_size
from relab.errors import UserError
from relab.settings.corpora import TableReader

#: A row with the place that messages name.
Row = tuple[str, Mapping[str, Any]]


def read(paths: Sequence[str | os.PathLike], settings: TableReader, tally: Counter[str]) -> Iterator[str]:
    for source in sources(paths):
        yield from cells(source, settings.column, settings.where)


def cells(source: Source, column: str, where: Mapping[str, str | int | bool]) -> Iterator[str]:
    """Yield the texts of one column, of the rows whose other columns have the values of ``where``; a missing text is empty.

    Raises:
        UserError: naming file and row, for an unknown ending, a missing column, what is no text, what cannot be parsed.
    """
    if source.ending not in _FORMATS:
        raise UserError(f"{source.name}: expected one of {', '.join(_FORMATS)} (.gz too), found {source.ending!r}")
    for place, row in _FORMATS[source.ending](source, {column: None, **where}):
        if all(_same(row[name], value) for name, value in where.items()):
            text = row[column] or ""
            if not isinstance(text, str):
                raise UserError(f"{place}: expected text in the column {column!r}, found {text!r}")
            if utf8_size(text) > LARGEST_DOCUMENT:
                raise too_large(place)
            yield text


def _same(cell: Any, wanted: str | int | bool) -> bool:
    """Whether a cell has the wanted value; cells of CSV are text, so 1 and true are also looked for as text."""
    if isinstance(cell, str) and not isinstance(wanted, str):
        return cell.lower() == str(wanted).lower()
    return cell == wanted and isinstance(cell, bool) == isinstance(wanted, bool)


def _require(columns: Iterable[str], found: Collection[str], place: str) -> None:
    for column in columns:
        if column not in found:
            raise UserError(f"{place}: expected a column {column!r}, found {', '.join(map(repr, found)) or 'none'}")


def _delimited(source: Source, columns: Iterable[str], **form: Any) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_DOCUMENT)
    reader = csv.reader(lines(source), strict=True, **form)
    try:
        header = next(reader, [])
        _require(columns, header, f"{source.name}, line 1")
        for values in filter(None, reader):
            place = f"{source.name}, line {reader.line_num}"
            if len(values) != len(header):
                raise UserError(f"{place}: expected {len(header)} cells, as in the header, found {len(values)}")
            yield place, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{source.name}, line {reader.line_num}: not a table of its kind ({error})") from None


def _csv(source: Source, columns: Iterable[str]) -> Iterator[Row]:
    return _delimited(source, columns)


def _tsv(source: Source, columns: Iterable[str]) -> Iterator[Row]:
    return _delimited(source, columns, delimiter="\t", quoting=csv.QUOTE_NONE)  # in TSV a quotation mark is a character


def _json_lines(source: Source, columns: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines(source), 1):
        place = f"{source.name}, line {number}"
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{place}: expected one JSON object a line, found none ({error})") from None
        if not isinstance(row, dict):
            raise UserError(f"{place}: expected one JSON object a line, found a {type(row).__name__}")
        _require(columns, row, place)
        yield place, row


def _parquet(source: Source, columns: Iterable[str]) -> Iterator[Row]:
    try:
        with source.open() as raw, pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as file:
            _require(columns, file.schema_arrow.names, source.name)
            number = 0
            for batch in file.iter_batches(batch_size=256, columns=list(columns), use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{source.name}, row {number}", row
    except pa.ArrowInvalid as error:
        raise UserError(f"{source.name}: not a Parquet file, or a damaged one ({str(error).splitlines()[0]})") from None


_FORMATS: dict[str, Callable[[Source, Iterable[str]], Iterator[Row]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_lines,
    ".parquet": _parquet,
}
