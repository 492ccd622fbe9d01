"""Files as nobody foresaw them: tables of any values and texts, packed by any means and damaged, as hypothesis draws them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

# what files hold

COLUMNS = ("text", "label", "id", "a", "a.b", "a.b.c", "été", "Query ID", "no", "1", "<x>", "$")
WORDS = (
    "",
    " ",
    "one",
    "two words",
    "no",
    "true",
    "True",
    "1",
    "1.0",
    "-1",
    "NA",
    "nan",
    "été",
    "e\u0301té",
    "中文 字",
    "\u200b",
)
WORDS += (
    '"',
    'say "so"',
    "a,b",
    "a;b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\x00",
    "\x85",
    "\u2028",
    "\ufeff",
    "\x1a",
    "#",
    "\\",
)
WORDS += (".I 1", ".W", "<top>", "<num> 1", "1 0 2 1", "_" * 300, "<|endoftext|>", "{}", "[", "🙂", "%", "$x", "{text}")
texts = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats() | texts | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(COLUMNS), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tables(draw, cells=texts) -> tuple[list[str], list[dict[str, Any]]]:
    """Names of columns, and rows that have all of them."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, cells)), max_size=8))
    return columns, rows


# the files themselves


def _delimited(delimiter: str) -> Callable:
    def content(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([columns, *([row[column] for column in columns] for row in rows)])
        return text.getvalue().encode("utf-8", "surrogatepass")

    return content


def _json_lines(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _json_array(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def _arrow_table(columns: list[str], rows: list[dict[str, Any]]) -> pa.Table:
    try:
        return pa.table({column: [row[column] for row in rows] for column in columns})
    except (pa.ArrowException, UnicodeError, OverflowError):  # no type for mixed values
        return pa.table({column: [str(row[column]).encode(errors="replace").decode() for row in rows] for column in columns})


def _parquet(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    try:
        pq.write_table(_arrow_table(columns, rows), sink)
    except pa.ArrowException:  # a struct without fields
        return b""
    return sink.getvalue()


def _arrow(kind: Callable) -> Callable:
    def content(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
        sink, table = io.BytesIO(), _arrow_table(columns, rows)
        with kind(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    return content


WRITERS = {
    "csv": _delimited(","),
    "tsv": _delimited("\t"),
    "jsonl": _json_lines,
    "json": _json_array,
    "parquet": _parquet,
    "arrow": _arrow(pa.ipc.new_stream),
    "file.arrow": _arrow(pa.ipc.new_file),
}


def _zip(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, content)
    return sink.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


PACKERS: dict[str, Callable[[str, bytes], bytes]] = {
    "": lambda name, content: content,
    ".gz": lambda name, content: gzip.compress(content),
    ".bz2": lambda name, content: bz2.compress(content),
    ".xz": lambda name, content: lzma.compress(content),
    ".zst": lambda name, content: pa.compress(content, "zstd", asbytes=True),
    ".zip": _zip,
    ".tar.gz": _tar,
}

damages = st.tuples(st.sampled_from(["cut", "replace", "insert", "before"]), st.floats(0, 1), st.binary(min_size=1, max_size=6))
rarely = st.integers(0, 4).map(lambda number: number == 0)


def damaged(content: bytes, damage: tuple[str, float, bytes] | None) -> bytes:
    """The bytes with something cut off, replaced, put in or put before them."""
    if damage is None:
        return content
    way, share, junk = damage
    position = 0 if way == "before" else int(share * len(content))
    rest = {"cut": b"", "replace": junk + content[position + len(junk) :]}.get(way, junk + content[position:])
    return content[:position] + rest


@st.composite
def files(draw) -> tuple[str, bytes, list[str]]:
    """The name, the bytes and the columns of a file: a table of any values, or text, packed and damaged or not."""
    form = draw(st.sampled_from([*WRITERS, "text"]))
    if form == "text":
        name = draw(
            st.sampled_from(["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.json", "a.smart", "a.topics", "a.qrels", "a", "a.db"])
        )
        separator = draw(st.sampled_from(["\n", "\r\n", " ", "\t", ",", "\n\n"]))
        content, names = separator.join(draw(st.lists(texts, max_size=12))).encode(), list(COLUMNS)
    else:
        names, rows = draw(tables(draw(st.sampled_from([texts, texts, values]))))
        name, content = f"a.{form}", WRITERS[form](names, rows)
    packing = draw(st.sampled_from(list(PACKERS)))
    content = damaged(PACKERS[packing](name, content), draw(damages) if draw(rarely) else None)
    return name + (draw(st.sampled_from(list(PACKERS))) if draw(rarely) else packing), content, names
