"""Tables in every form that is read, and what reading them gives."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest

from relab.errors import UserError
from relab.tabular import TableFormat, read_rows

COLUMNS = ("name", "text", "grade")
TABLE = [("a", "plain", "1"), ("b", 'with, "signs"\nand lines', "2"), ("c", "accénts ☃", "3")]


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path, columns=COLUMNS, **form):
    return [dict(row) for _, row in read_rows(path, columns, TableFormat(**form))]


def places(path, columns=COLUMNS, **form):
    return [place.removeprefix(str(path)) for place, _ in read_rows(path, columns, TableFormat(**form))]


def refused(path, match, columns=COLUMNS, **form):
    """The sentence that a table is refused with; it begins with the file."""
    with pytest.raises(UserError, match=match) as error:
        rows(path, columns, **form)
    told = str(error.value)
    assert told.startswith(str(path)) and "\n" not in told
    return told.removeprefix(str(path))


def columnar():
    return pa.table({name: [row[place] for row in TABLE] for place, name in enumerate(COLUMNS)})


def database(path, table=TABLE, columns=COLUMNS):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"create table data ({', '.join(columns)})")
        connection.executemany(f"insert into data values ({', '.join('?' * len(columns))})", table)
        connection.commit()
    return path


def arrow(path, kind, table=None):
    table = columnar() if table is None else table
    with pa.OSFile(str(path), "wb") as sink, kind(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path
