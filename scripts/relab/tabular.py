"""Reading tables a row at a time: delimited text, JSON lines and arrays, Parquet, Arrow, SQLite."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from relab.corpora.json_arrays import array_values
from relab.corpora.sources import DAMAGE, LARGEST_DOCUMENT, Source, lines_in, open_text, sources
from relab.errors import UserError

#: A row's location for messages (file and line or row), and its values by column.
LocatedRow = tuple[str, Mapping[str, Any]]

#: Endings of databases; they are opened where they lie and cannot be packed.
DATABASES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class TableFormat:
    """What a file itself does not say: delimiter and encoding of text, names of columns, the query of a database."""

    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    sql: str | None = None
    encoding: str = "utf-8-sig"


def read_rows(
    path: str | os.PathLike, columns: Collection[str], table_format: TableFormat = TableFormat()
) -> Iterator[LocatedRow]:
    """Yield the rows of the table at ``path``, each with its location; they have at least ``columns``.

    Raises:
        UserError: an unknown ending, a missing column, a row that cannot be parsed; names file and row.
    """
    if Path(path).suffix.lower() in DATABASES:
        yield from _database(Path(path), columns, table_format)
        return
    for source in sources([path]):
        yield from source_rows(source, columns, table_format)


def source_rows(source: Source, columns: Collection[str], table_format: TableFormat = TableFormat()) -> Iterator[LocatedRow]:
    """The rows of one file, which may be in an archive; otherwise as :func:`read_rows`."""
    if table_format.delimiter is not None:
        return _delimited(source, columns, table_format, **_quoting(table_format.delimiter))
    if source.ending not in _FORMATS:
        known = ", ".join((*_FORMATS, *DATABASES))
        raise UserError(f"{source.name}: expected one of {known} (.gz too) or a `delimiter`, found {source.ending!r}")
    return _FORMATS[source.ending](source, columns, table_format)


def cell_value(row: Mapping[str, Any], path: str) -> Any:
    """The value in a column, or in a field of it: ``choices.text`` is the field ``text`` of the column ``choices``."""
    if path in row:
        return row[path]
    column, _, field = path.partition(".")
    inner = row[column]
    return inner.get(field) if isinstance(inner, Mapping) else None


#: Which rows are kept: columns with the value that they must have, or a list of values.
RowFilter = Mapping[str, str | int | bool | list[str | int | bool]]


def matches(row: Mapping[str, Any], where: RowFilter) -> bool:
    """Whether the columns of a row have the values of ``where``, or one of a list."""
    return all(
        any(_equals(cell_value(row, name), value) for value in (expected if isinstance(expected, list) else [expected]))
        for name, expected in where.items()
    )


def _equals(value: Any, expected: str | int | bool) -> bool:
    """Whether a cell has the wanted value; cells of CSV are text, so 1 and true are also compared as text."""
    if isinstance(value, str) and not isinstance(expected, str):
        return value.lower() == str(expected).lower()
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


def _check_columns(columns: Iterable[str], present: Collection[str], location: str) -> None:
    for column in columns:
        if column not in present and not _names_field(column, present):
            raise UserError(f"{location}: expected a column {column!r}, found {', '.join(map(repr, present)) or 'none'}")
        if isinstance(present, list) and present.count(column) > 1:
            raise UserError(f"{location}: expected one column {column!r}, found {present.count(column)} of that name")


def _names_field(path: str, present: Collection[str]) -> bool:
    """Whether a path with a point names a field; where only the columns' names are known, the column is enough."""
    column, point, field = path.partition(".")
    if not point or column not in present:
        return False
    inner = present[column] if isinstance(present, Mapping) else None
    return inner is None or isinstance(inner, Mapping) and field in inner


@contextmanager
def _open_text(source: Source, encoding: str) -> Iterator[TextIO]:
    try:
        with open_text(source, encoding) as text:
            yield text
    except (UnicodeError, LookupError, *DAMAGE) as error:
        # no byte order mark; a codec that is none of text; both a damaged archive and another encoding
        raise UserError(f"{source.name}: cannot be read as text in {encoding} ({error})") from None


def _lines(source: Source, encoding: str) -> Iterator[str]:
    with _open_text(source, encoding) as text:
        yield from lines_in(text, source.name)


@contextmanager
def _damage_as_error(name: str, file_type: str) -> Iterator[None]:
    """Turn what Arrow raises for damaged files into a UserError; errors of the file system stay as they are."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, *DAMAGE) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name}: not {file_type} file, or a damaged one ({reason})") from None


def _quoting(delimiter: str) -> dict[str, Any]:
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL  # in TSV a quotation mark is a character
    return {"delimiter": delimiter, "quoting": quoting}


def _delimited(source: Source, columns: Iterable[str], table_format: TableFormat, **options: Any) -> Iterator[LocatedRow]:
    csv.field_size_limit(LARGEST_DOCUMENT)
    reader = csv.reader(_lines(source, table_format.encoding), strict=True, **options)
    header_source = "as the `header` says" if table_format.header else "as in the header"
    try:
        header = list(table_format.header) if table_format.header else next(reader, [])
        _check_columns(columns, header, source.name if table_format.header else f"{source.name}, line 1")
        for values in filter(None, reader):
            location = f"{source.name}, line {reader.line_num}"
            if len(values) != len(header):
                raise UserError(f"{location}: expected {len(header)} cells, {header_source}, found {len(values)}")
            yield location, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{source.name}, line {reader.line_num}: not a table of its kind ({error})") from None


def _csv(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _delimited(source, columns, table_format)


def _tsv(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _delimited(source, columns, table_format, **_quoting("\t"))


def _json_lines(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _objects(enumerate(_lines(source, table_format.encoding), 1), source.name, columns, "one JSON object a line")


def _json(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    """An array of objects or JSON lines, told apart by the first character that is not blank."""
    with _open_text(source, table_format.encoding) as text:
        number = 1
        while (beginning := text.readline(2**16)).isspace():
            number += beginning.endswith("\n")
        if not beginning.lstrip().startswith("["):
            remaining_lines = lines_in(text, source.name)
            lines = chain([beginning if beginning.endswith("\n") else beginning + next(remaining_lines, "")], remaining_lines)
            expected = "one JSON object a line, or one array of objects in the file"
            yield from _objects(enumerate(lines, number), source.name, columns, expected)
            return
        for location, row in array_values(text, source.name, beginning):
            if not isinstance(row, dict):
                raise UserError(f"{location}: expected a JSON object, found a {type(row).__name__}")
            _check_columns(columns, row, location)
            yield location, row


def _objects(
    numbered_lines: Iterable[tuple[int, str]], name: str, columns: Iterable[str], expected: str
) -> Iterator[LocatedRow]:
    for number, line in numbered_lines:
        location = f"{name}, line {number}"
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # also a number of thousands of digits, a list in thousands of lists
            raise UserError(f"{location}: expected {expected}, found none ({error})") from None
        if not isinstance(row, dict):
            raise UserError(f"{location}: expected {expected}, found a {type(row).__name__}")
        _check_columns(columns, row, location)
        yield location, row


def _parquet(source: Source, columns: Collection[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    with (
        _damage_as_error(source.name, "a Parquet"),
        source.open() as raw,
        pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as file,
    ):
        names = file.schema_arrow.names
        _check_columns(columns, names, source.name)
        top_level = list(dict.fromkeys(name if name in names else name.partition(".")[0] for name in columns))
        batches = file.iter_batches(batch_size=256, columns=top_level, use_threads=False)
        yield from _rows_of_batches(source.name, batches)


def _arrow(source: Source, columns: Collection[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    """Arrow's own formats: the stream, which ``datasets`` writes, and the file."""
    with _damage_as_error(source.name, "an Arrow"):
        with source.open() as raw:
            is_file = raw.read(6) == b"ARROW1"
        with source.open() as raw:
            reader = pa.ipc.open_file(raw) if is_file else pa.ipc.open_stream(raw)
            _check_columns(columns, reader.schema.names, source.name)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches)) if is_file else reader
            yield from _rows_of_batches(source.name, batches)


def _rows_of_batches(name: str, batches: Iterable[pa.RecordBatch]) -> Iterator[LocatedRow]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield f"{name}, row {number}", row


def _database(path: Path, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    if table_format.sql is None:
        raise UserError(f"{path}: expected a query for this database (`sql: select … from …`), found none")
    # immutable: neither locks nor journals, so that a database in a read-only cache opens
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            rows = database.execute(table_format.sql)
            names = [column[0] for column in rows.description or ()]
            _check_columns(columns, names, f"{path}, its query")
            for number, values in enumerate(rows, 1):
                yield f"{path}, row {number} of its query", dict(zip(names, values, strict=True))
    except sqlite3.Error as error:
        raise UserError(f"{path}: the query {table_format.sql!r} fails ({error})") from None


_FORMATS: dict[str, Callable[[Source, Collection[str], TableFormat], Iterator[LocatedRow]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
}

#: Endings of tables that say how they are read.
TABLES = tuple(_FORMATS)
