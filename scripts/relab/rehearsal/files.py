"""Files that look like an asset's: tables in every format, texts, archives and databases of drawn contents."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import io
import json
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from relab.rehearsal.drawing import Draw
from relab.settings.stand_ins import FileStandIn, Layout


def layout(files: dict[str, FileStandIn], name: str) -> FileStandIn | None:
    """The layout of a file of this name: its own, or that of the first pattern that it matches."""
    return next((layout for pattern, layout in files.items() if fnmatch.fnmatchcase(name, pattern)), None)


def write(path: Path, name: str, layout: FileStandIn) -> None:
    """Write a file of this layout, in the format that the end of its name says."""
    if name.endswith(".db"):
        _write_database(path, layout)
        return
    if name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows(name, layout)), path)
        return
    path.write_bytes(content(name, layout))


def content(name: str, layout: Layout) -> bytes:
    """The bytes of a file that is no database."""
    if name.endswith(".gz") and not name.endswith(".tar.gz"):
        return gzip.compress(content(name.removesuffix(".gz"), layout))
    if isinstance(layout, FileStandIn) and layout.members is not None:
        return _archive(name, {member: content(member, inside) for member, inside in layout.members.items()})
    if layout.content is not None:
        return json.dumps(layout.content, indent=2).encode()
    if layout.text is not None:
        draw = Draw(name)
        return (layout.head + "".join(draw.fill(layout.text, number) for number in range(layout.rows)) + layout.foot).encode()
    return _table(name, layout).encode()


def rows(name: str, layout: Layout) -> list[dict[str, Any]]:
    """The rows of a table, the same ones for the same name."""
    draw = Draw(name)
    return [draw.fill(layout.columns, number) for number in range(layout.rows)]


def _table(name: str, layout: Layout) -> str:
    made = rows(name, layout)
    if name.endswith(".jsonl"):
        return "".join(json.dumps(row) + "\n" for row in made)
    if name.endswith(".json"):
        return json.dumps(made)
    text = io.StringIO()
    writer = csv.DictWriter(text, layout.columns, delimiter="\t" if name.endswith(".tsv") else ",")
    if layout.header:
        writer.writeheader()
    writer.writerows(made)
    return text.getvalue()


def _archive(name: str, members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(packed, "w") as archive:
            for member, body in members.items():
                archive.writestr(member, body)
        return packed.getvalue()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for member, body in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def _write_database(path: Path, layout: FileStandIn) -> None:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        for table, inside in layout.members.items():
            made = rows(table, inside)
            database.execute(f"create table {table} ({', '.join(made[0])})")
            database.executemany(
                f"insert into {table} values ({', '.join('?' * len(made[0]))})", [tuple(row.values()) for row in made]
            )
    database.close()
