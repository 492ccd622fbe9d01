"""Reading tables a row at a time: delimited text, JSON lines and arrays, Parquet, Arrow, SQLite, test collections."""

from __future__ import annotations

import csv
import io
import json
import os
import reprlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from relab import retrieval_files
from relab.comparable import comparable
from relab.corpora.json_arrays import array_values
from relab.corpora.sources import DAMAGE, LARGEST_DOCUMENT, UTF8, Source, lines_in, open_text, read_lines, sources
from relab.errors import UserError
from relab.settings.corpora import DelimitedText

#: A row's location for messages (file and line or row), and its values by column.
LocatedRow = tuple[str, Mapping[str, Any]]

#: Endings of databases; they are opened where they lie and cannot be packed.
DATABASES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class TableFormat:
    """What a file itself does not say: delimiter and encoding of text, names of columns, the query of a database, its form."""

    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    sql: str | None = None
    encoding: str = UTF8
    quoted: bool | None = None
    form: str | None = None

    @classmethod
    def of(cls, settings: DelimitedText, sql: str | None = None) -> TableFormat:
        """The format that settings name."""
        header = tuple(settings.header) if settings.header else None
        return cls(settings.delimiter, header, sql, settings.codec, settings.quoted, settings.format)


def read_rows(
    path: str | os.PathLike, columns: Collection[str], table_format: TableFormat = TableFormat()
) -> Iterator[LocatedRow]:
    """Yield the rows of the table at ``path``, each with its location; they have at least ``columns``.

    Raises:
        UserError: an unknown ending, a missing column, a row that cannot be parsed; names file and row.
    """
    if table_format.form is None and Path(path).suffix.lower() in DATABASES:
        yield from _database(Path(path), columns, table_format)
        return
    for source in sources([path]):
        yield from source_rows(source, columns, table_format)


def source_rows(source: Source, columns: Collection[str], table_format: TableFormat = TableFormat()) -> Iterator[LocatedRow]:
    """The rows of one file, which may be in an archive; otherwise as :func:`read_rows`."""
    if table_format.delimiter is not None:
        return _delimited(source, columns, table_format, table_format.delimiter)
    ending = f".{table_format.form}" if table_format.form else source.ending
    if ending not in _FORMATS:
        known = ", ".join((*_FORMATS, *DATABASES))
        raise UserError(
            f"{source.name}: expected one of {known} (compressed too), a `format` or a `delimiter`, found {ending!r}"
        )
    return _FORMATS[ending](source, columns, table_format)


def cell_value(row: Mapping[str, Any], path: str) -> Any:
    """The value in a column, or in a field of it: ``choices.text`` is the field ``text`` of the column ``choices``.

    A point leads inside again and again, and of a list of objects to the list of what each has there; null where there is none.
    """
    if path in row:
        return row[path]
    column, field = _column_and_field(row, path)
    return None if column is None else _inner_value(row[column], field)


def _inner_value(value: Any, field: str) -> Any:
    if isinstance(value, list) and (not value or any(isinstance(item, Mapping) for item in value)):
        return [_inner_value(item, field) for item in value]
    return cell_value(value, field) if isinstance(value, Mapping) else None


def _column_and_field(present: Collection[str], path: str) -> tuple[str | None, str]:
    """The column that a path leads into, which may have points in its name, and the path inside; None where there is none."""
    parts = path.split(".")
    for number in range(len(parts) - 1, 0, -1):
        if (column := ".".join(parts[:number])) in present:
            return column, ".".join(parts[number:])
    return None, ""


#: Which rows are kept: columns with the value that they must have, or a list of values, in comparable form.
RowFilter = Mapping[str, str | list[str]]


def matches(row: Mapping[str, Any], where: RowFilter) -> bool:
    """Whether the columns of a row have the values of ``where``, or one of a list."""
    return all(
        comparable(cell_value(row, name)) in (expected if isinstance(expected, list) else [expected])
        for name, expected in where.items()
    )


def has_column(present: Collection[str], path: str) -> bool:
    """Whether there is a column, or a field of a column, of that name in a row or among the names of columns.

    A null in place of an object, and an empty list, may have any field.
    """
    if path in present:
        return True
    column, field = _column_and_field(present, path)
    return column is not None and isinstance(present, Mapping) and _has_field(present[column], field)


def _has_field(value: Any, field: str) -> bool:
    if isinstance(value, list):
        return not value or any(_has_field(item, field) for item in value)
    return value is None or isinstance(value, Mapping) and has_column(value, field)


def _check_columns(
    columns: Iterable[str], names: Sequence[str], location: str, fields: Mapping[str, Any] | None = None
) -> None:
    """Refuse a column that is not there, or there twice; ``fields``: what the columns hold, where a point leads inside."""
    for column in columns:
        if not has_column(names if fields is None else fields, column):
            raise _column_error(location, column, names)
        if names.count(column) > 1:
            raise UserError(f"{location}: expected one column {column!r}, found {names.count(column)} of that name")


def _column_error(location: str, column: str, present: Collection[str]) -> UserError:
    return UserError(f"{location}: expected a column {column!r}, found {', '.join(map(repr, present)) or 'none'}")


def _fields(schema: Iterable[pa.Field]) -> dict[str, Any]:
    """What the columns of a schema hold, as :func:`has_column` looks into rows."""
    return {field.name: _value_of_type(field.type) for field in schema}


def _value_of_type(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return _fields(kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_value_of_type(kind.value_type)]
    return None if pa.types.is_null(kind) else ""


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


def _check_unquoted(values: Sequence[str], location: str) -> None:
    """Refuse a cell that was written with quotation marks around it and doubled ones inside, where marks are characters."""
    for value in values:
        if len(value) > 2 and value[0] == value[-1] == '"':
            inner = value[1:-1].replace('""', "")
            if '"' not in inner and len(inner) < len(value) - 2:
                raise UserError(
                    f"{location}: found a cell in quotation marks with doubled ones inside, {reprlib.repr(value)}; say by the "
                    "table's `quoted` whether the marks belong to the text (false) or not (true)"
                )


def _check_header(columns: Iterable[str], header: list[str], location: str) -> None:
    try:
        _check_columns(columns, header, location)
    except UserError as error:
        hint = "; if these are several, name what parts them by `delimiter`" if len(header) == 1 else ""
        raise UserError(f"{error}{hint}") from None


def _delimited(source: Source, columns: Iterable[str], table_format: TableFormat, delimiter: str = ",") -> Iterator[LocatedRow]:
    csv.field_size_limit(LARGEST_DOCUMENT)
    quoted = delimiter != "\t" if table_format.quoted is None else table_format.quoted
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(read_lines(source, table_format.encoding), strict=True, delimiter=delimiter, quoting=quoting)
    header_source = "as the `header` says" if table_format.header else "as in the header"
    try:
        header = list(table_format.header) if table_format.header else next(reader, [])
        _check_header(columns, header, source.name if table_format.header else f"{source.name}, line 1")
        for values in filter(None, reader):
            location = f"{source.name}, line {reader.line_num}"
            if len(values) != len(header):
                marks = "; if cells stand in quotation marks: `quoted: true`" if not quoted and '"' in "".join(values) else ""
                raise UserError(f"{location}: expected {len(header)} cells, {header_source}, found {len(values)}{marks}")
            if not quoted and table_format.quoted is None:
                _check_unquoted(values, location)
            yield location, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{source.name}, line {reader.line_num}: not a table of its kind ({error})") from None


def _csv(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _delimited(source, columns, table_format)


def _tsv(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _delimited(source, columns, table_format, "\t")


def _json_lines(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    rows = _objects(enumerate(read_lines(source, table_format.encoding), 1), source.name, "one JSON object a line")
    return _with_columns(rows, source.name, columns)


def _json(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    return _with_columns(_json_rows(source, table_format), source.name, columns)


def _json_rows(source: Source, table_format: TableFormat) -> Iterator[LocatedRow]:
    """An array of objects or JSON lines, told apart by the first character that is not blank."""
    with open_text(source, table_format.encoding) as text:
        number = 1
        while (beginning := text.readline(2**16)).isspace():
            number += beginning.endswith("\n")
        if not beginning.lstrip().startswith("["):
            remaining_lines = lines_in(text, source.name)
            lines = chain([beginning if beginning.endswith("\n") else beginning + next(remaining_lines, "")], remaining_lines)
            expected = "one JSON object a line, or one array of objects in the file"
            yield from _objects(enumerate(lines, number), source.name, expected)
            return
        for location, row in array_values(text, source.name, beginning):
            if not isinstance(row, dict):
                raise UserError(f"{location}: expected a JSON object, found a {type(row).__name__}")
            yield location, row


def _objects(numbered_lines: Iterable[tuple[int, str]], name: str, expected: str) -> Iterator[LocatedRow]:
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
        yield location, row


def _with_columns(rows: Iterable[LocatedRow], name: str, columns: Iterable[str]) -> Iterator[LocatedRow]:
    """The rows of JSON objects: a key that a row lacks is null in it (:func:`cell_value`), one that all rows lack an error."""
    lacking, keys = list(columns), None
    for location, row in rows:
        lacking = [column for column in lacking if not has_column(row, column)]
        keys = list(row) if keys is None else keys
        yield location, row
    if keys is not None and lacking:
        raise _column_error(name, lacking[0], keys)


def _smart(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    rows = retrieval_files.smart_rows(read_lines(source, table_format.encoding), source.name)
    return _with_columns(rows, source.name, columns)


def _topics(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    rows = retrieval_files.topic_rows(read_lines(source, table_format.encoding), source.name)
    return _with_columns(rows, source.name, columns)


def _qrels(source: Source, columns: Iterable[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    rows = retrieval_files.judgment_rows(read_lines(source, table_format.encoding), source.name, table_format.header)
    return _with_columns(rows, source.name, columns)


@contextmanager
def _open_seekable(source: Source) -> Iterator[BinaryIO]:
    """Open a source to read it in any order; what is unpacked in one direction alone comes into memory."""
    with source.open() as raw:
        yield raw if raw.seekable() else io.BytesIO(raw.read())


def _parquet(source: Source, columns: Collection[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    with (
        _damage_as_error(source.name, "a Parquet"),
        _open_seekable(source) as raw,
        pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as file,
    ):
        names = file.schema_arrow.names
        _check_columns(columns, names, source.name, _fields(file.schema_arrow))
        top_level = list(dict.fromkeys(name if name in names else _column_and_field(names, name)[0] for name in columns))
        batches = file.iter_batches(batch_size=256, columns=top_level, use_threads=False)
        yield from _rows_of_batches(source.name, batches)


def _arrow(source: Source, columns: Collection[str], table_format: TableFormat) -> Iterator[LocatedRow]:
    """Arrow's own formats: the stream, which ``datasets`` writes, and the file."""
    with _damage_as_error(source.name, "an Arrow"):
        with source.open() as raw:
            is_file = raw.read(6) == b"ARROW1"
        with _open_seekable(source) if is_file else source.open() as raw:
            reader = pa.ipc.open_file(raw) if is_file else pa.ipc.open_stream(raw)
            _check_columns(columns, reader.schema.names, source.name, _fields(reader.schema))
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
    ".smart": _smart,
    ".topics": _topics,
    ".qrels": _qrels,
}

#: Endings of tables that say how they are read.
TABLES = tuple(_FORMATS)
