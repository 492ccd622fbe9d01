"""Tables as files hold them, a row at a time: delimited text, JSON lines and arrays, Parquet, Arrow, SQLite."""

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

from relab.corpora import arrays
from relab.corpora.sources import DAMAGE, LARGEST_DOCUMENT, Source, lines_of, opened, sources
from relab.errors import UserError

#: A row with the place that messages name.
Row = tuple[str, Mapping[str, Any]]

#: Endings of databases; they are opened where they lie and cannot be packed.
DATABASES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class Form:
    """What a file does not say of itself: delimiter and encoding of its text, its columns' names, the query of its table."""

    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    sql: str | None = None
    encoding: str = "utf-8-sig"


def read_rows(path: str | os.PathLike, columns: Collection[str], form: Form = Form()) -> Iterator[Row]:
    """Yield the rows of the table at ``path``, each with its place; they have ``columns`` at least.

    Raises:
        UserError: naming file and row, for an unknown ending, a missing column, what cannot be parsed.
    """
    if Path(path).suffix.lower() in DATABASES:
        yield from _database(Path(path), columns, form)
        return
    for source in sources([path]):
        yield from source_rows(source, columns, form)


def source_rows(source: Source, columns: Collection[str], form: Form = Form()) -> Iterator[Row]:
    """The rows of one file, which may lie in an archive; otherwise as :func:`read_rows`."""
    if form.delimiter is not None:
        return _delimited(source, columns, form, **_quoting(form.delimiter))
    if source.ending not in _FORMATS:
        known = ", ".join((*_FORMATS, *DATABASES))
        raise UserError(f"{source.name}: expected one of {known} (.gz too) or a `delimiter`, found {source.ending!r}")
    return _FORMATS[source.ending](source, columns, form)


def cell(row: Mapping[str, Any], path: str) -> Any:
    """What stands in a column, or inside it: ``choices.text`` is the field ``text`` of the column ``choices``."""
    if path in row:
        return row[path]
    column, _, field = path.partition(".")
    inner = row[column]
    return inner.get(field) if isinstance(inner, Mapping) else None


#: What rows are kept by: columns with a value, or with several any of which will do.
Where = Mapping[str, str | int | bool | list[str | int | bool]]


def keeps(row: Mapping[str, Any], where: Where) -> bool:
    """Whether the columns of a row have the values of ``where``, or one of several."""
    return all(
        any(_same(cell(row, name), value) for value in (wanted if isinstance(wanted, list) else [wanted]))
        for name, wanted in where.items()
    )


def _same(cell: Any, wanted: str | int | bool) -> bool:
    """Whether a cell has the wanted value; cells of CSV are text, so 1 and true are also looked for as text."""
    if isinstance(cell, str) and not isinstance(wanted, str):
        return cell.lower() == str(wanted).lower()
    return cell == wanted and isinstance(cell, bool) == isinstance(wanted, bool)


def _require(columns: Iterable[str], found: Collection[str], place: str) -> None:
    for column in columns:
        if column not in found and not _leads_inside(column, found):
            raise UserError(f"{place}: expected a column {column!r}, found {', '.join(map(repr, found)) or 'none'}")
        if isinstance(found, list) and found.count(column) > 1:
            raise UserError(f"{place}: expected one column {column!r}, found {found.count(column)} of that name")


def _leads_inside(path: str, found: Collection[str]) -> bool:
    """Whether a path with a point leads to a field; where only columns' names are known, a column is enough."""
    column, point, field = path.partition(".")
    if not point or column not in found:
        return False
    inner = found[column] if isinstance(found, Mapping) else None
    return inner is None or isinstance(inner, Mapping) and field in inner


@contextmanager
def _text(source: Source, encoding: str) -> Iterator[TextIO]:
    try:
        with opened(source, encoding) as text:
            yield text
    except (UnicodeError, LookupError, *DAMAGE) as error:
        # no byte order mark; a codec that is none of text; both a damaged archive and another encoding
        raise UserError(f"{source.name}: cannot be read as text in {encoding} ({error})") from None


def _lines(source: Source, encoding: str) -> Iterator[str]:
    with _text(source, encoding) as text:
        yield from lines_of(text, source.name)


@contextmanager
def _damage_told(name: str, what: str) -> Iterator[None]:
    """Turn what Arrow raises for damaged files into a UserError; what the system says of files stays as it is."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, *DAMAGE) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name}: not {what} file, or a damaged one ({reason})") from None


def _quoting(delimiter: str) -> dict[str, Any]:
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL  # in TSV a quotation mark is a character
    return {"delimiter": delimiter, "quoting": quoting}


def _delimited(source: Source, columns: Iterable[str], form: Form, **options: Any) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_DOCUMENT)
    reader = csv.reader(_lines(source, form.encoding), strict=True, **options)
    told = "as the `header` says" if form.header else "as in the header"
    try:
        header = list(form.header) if form.header else next(reader, [])
        _require(columns, header, source.name if form.header else f"{source.name}, line 1")
        for values in filter(None, reader):
            place = f"{source.name}, line {reader.line_num}"
            if len(values) != len(header):
                raise UserError(f"{place}: expected {len(header)} cells, {told}, found {len(values)}")
            yield place, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{source.name}, line {reader.line_num}: not a table of its kind ({error})") from None


def _csv(source: Source, columns: Iterable[str], form: Form) -> Iterator[Row]:
    return _delimited(source, columns, form)


def _tsv(source: Source, columns: Iterable[str], form: Form) -> Iterator[Row]:
    return _delimited(source, columns, form, **_quoting("\t"))


def _json_lines(source: Source, columns: Iterable[str], form: Form) -> Iterator[Row]:
    return _objects(enumerate(_lines(source, form.encoding), 1), source.name, columns, "one JSON object a line")


def _json(source: Source, columns: Iterable[str], form: Form) -> Iterator[Row]:
    """One array of objects or, as others write files of this ending, JSON lines; the first sign that is no blank tells."""
    with _text(source, form.encoding) as text:
        number = 1
        while (begun := text.readline(2**16)).isspace():
            number += begun.endswith("\n")
        if not begun.lstrip().startswith("["):
            rest = lines_of(text, source.name)
            whole = chain([begun if begun.endswith("\n") else begun + next(rest, "")], rest)
            expected = "one JSON object a line, or one array of objects in the file"
            yield from _objects(enumerate(whole, number), source.name, columns, expected)
            return
        for place, row in arrays.values(text, source.name, begun):
            if not isinstance(row, dict):
                raise UserError(f"{place}: expected a JSON object, found a {type(row).__name__}")
            _require(columns, row, place)
            yield place, row


def _objects(numbered: Iterable[tuple[int, str]], name: str, columns: Iterable[str], expected: str) -> Iterator[Row]:
    for number, line in numbered:
        place = f"{name}, line {number}"
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # also a number of thousands of digits, a list in thousands of lists
            raise UserError(f"{place}: expected {expected}, found none ({error})") from None
        if not isinstance(row, dict):
            raise UserError(f"{place}: expected {expected}, found a {type(row).__name__}")
        _require(columns, row, place)
        yield place, row


def _parquet(source: Source, columns: Collection[str], form: Form) -> Iterator[Row]:
    with (
        _damage_told(source.name, "a Parquet"),
        source.open() as raw,
        pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20) as file,
    ):
        names = file.schema_arrow.names
        _require(columns, names, source.name)
        wanted = list(dict.fromkeys(one if one in names else one.partition(".")[0] for one in columns))
        batches = file.iter_batches(batch_size=256, columns=wanted, use_threads=False)
        yield from _numbered(source.name, batches)


def _arrow(source: Source, columns: Collection[str], form: Form) -> Iterator[Row]:
    """Arrow's own formats: the stream, which ``datasets`` writes, and the file."""
    with _damage_told(source.name, "an Arrow"):
        with source.open() as raw:
            is_file = raw.read(6) == b"ARROW1"
        with source.open() as raw:
            reader = pa.ipc.open_file(raw) if is_file else pa.ipc.open_stream(raw)
            _require(columns, reader.schema.names, source.name)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches)) if is_file else reader
            yield from _numbered(source.name, batches)


def _numbered(name: str, batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield f"{name}, row {number}", row


def _database(path: Path, columns: Iterable[str], form: Form) -> Iterator[Row]:
    if form.sql is None:
        raise UserError(f"{path}: expected a query for this database (`sql: select … from …`), found none")
    # immutable: neither locks nor journals, so that a database in a read-only cache opens
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            found = database.execute(form.sql)
            names = [one[0] for one in found.description or ()]
            _require(columns, names, f"{path}, its query")
            for number, values in enumerate(found, 1):
                yield f"{path}, row {number} of its query", dict(zip(names, values, strict=True))
    except sqlite3.Error as error:
        raise UserError(f"{path}: the query {form.sql!r} fails ({error})") from None


_FORMATS: dict[str, Callable[[Source, Collection[str], Form], Iterator[Row]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
}
