"""Tables of every form become the same rows, each with its place; what is not of its form is told in one sentence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tables import COLUMNS, TABLE, arrow, columnar, database, places, refused, rows, write

from relab.tabular import cell_value


def csv_text():
    quoted = [[f'"{value}"' for value in (cell_value.replace('"', '""') for cell_value in row)] for row in TABLE]
    return "\n".join(map(",".join, [COLUMNS, *quoted])) + "\n"


def json_lines():
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in TABLE)


# the same rows from every form


@pytest.fixture(
    params=[
        "csv",
        "csv.gz",
        "CSV",
        "jsonl",
        "ndjson",
        "json",
        "jsonl.gz",
        "array",
        "parquet",
        "parquet.gz",
        "arrow",
        "stream",
        "db",
        "zip",
        "tar.gz",
    ]
)
def table(request, tmp_path):
    """A file of each form with the rows of ``TABLE``, and what must be said of it besides."""
    form = request.param
    if form == "db":
        return database(tmp_path / "table.db"), {"sql": "select grade, name, text from data order by name"}
    path = tmp_path / f"table.{dict(stream='arrow', array='json').get(form, form)}"
    if form == "arrow":
        return arrow(path, pa.ipc.new_file), {}
    if form == "stream":
        return arrow(path, pa.ipc.new_stream), {}
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/table.csv", csv_text())
        return path, {}
    if form == "tar.gz":
        write(tmp_path / "table.csv", csv_text())
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tmp_path / "table.csv", "folder/table.csv")
        return path, {}
    if form == "array":
        return write(path, json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in TABLE], indent=1)), {}
    if form.startswith("parquet"):
        pq.write_table(columnar(), path, row_group_size=2)
        content = path.read_bytes()
    else:
        content = (csv_text() if form.lower().startswith("csv") else json_lines()).encode()
    return write(path, gzip.compress(content) if form.endswith("gz") else content), {}


def test_every_form_gives_the_same_rows(table):
    path, form = table
    assert rows(path, **form) == [dict(zip(COLUMNS, row, strict=True)) for row in TABLE]


def test_a_column_that_lacks_is_named_in_every_form(table):
    path, form = table
    told = refused(path, "expected a column 'label', found 'name'|expected a column 'label', found 'grade'", ["label"], **form)
    assert told.count("'") == 2 * 4


def test_columnar_files_are_read_in_the_columns_asked_for(tmp_path):
    pq.write_table(columnar(), tmp_path / "table.parquet")
    assert rows(tmp_path / "table.parquet", ["grade"]) == [{"grade": grade} for _, _, grade in TABLE]


# delimited text


def test_tsv_has_no_quotation_marks(tmp_path):
    path = write(tmp_path / "t.tsv", 'name\ttext\na\t"so" he said\nb\t"\n')
    assert rows(path, ["text"]) == [{"name": "a", "text": '"so" he said'}, {"name": "b", "text": '"'}]


def test_a_delimiter_makes_a_table_of_any_text(tmp_path):
    path = write(tmp_path / "SMSSpam", "ham|'one'\nspam|\"two|parts\"\n")
    assert rows(path, ["text"], delimiter="|", header=("label", "text")) == [
        {"label": "ham", "text": "'one'"},
        {"label": "spam", "text": "two|parts"},
    ]
    assert rows(write(tmp_path / "t.data", 'a\t"b\n'), ["y"], delimiter="\t", header=("x", "y")) == [{"x": "a", "y": '"b'}]


def test_without_a_header_line_rows_begin_with_the_first_line(tmp_path):
    path = write(tmp_path / "t.csv", "1,one\n2,two\n")
    assert places(path, ["x"], header=("x", "y")) == [", line 1", ", line 2"]
    assert places(path, ["1"]) == [", line 2"]
    assert refused(path, "expected a column 'z', found 'x', 'y'", ["z"], header=("x", "y")).startswith(": ")
    assert refused(path, "expected 1 cells, as the `header` says, found 2", ["x"], header=("x",)).startswith(", line 1")


@pytest.mark.parametrize("encoding", ["mac_roman", "latin-1", "utf-16"])
def test_text_in_another_encoding(tmp_path, encoding):
    path = write(tmp_path / "t.csv", "text\né\n".encode(encoding))
    assert rows(path, ["text"], encoding=encoding) == [{"text": "é"}]
    assert rows(write(tmp_path / "t.jsonl", '{"text": "é"}'.encode(encoding)), ["text"], encoding=encoding) == [{"text": "é"}]
    refused(path, "expected text in UTF-8, found the byte 0x", ["text"])


def test_text_that_is_not_in_its_encoding(tmp_path):
    path = write(tmp_path / "t.csv", "text\none\né\n")
    refused(path, "expected text in ascii, found the byte 0xC3", ["text"], encoding="ascii")
    refused(path, "cannot be read as text in utf-16 ", ["text"], encoding="utf-16")
    refused(path, "cannot be read as text in hex ", ["text"], encoding="hex")
    assert refused(write(path, b"text\none\n\xe9\n"), "found the byte 0xE9", ["text"]).startswith(", line 3, byte 9")


def test_a_mark_at_the_start_and_empty_lines_are_no_text(tmp_path):
    path = write(tmp_path / "t.csv", "\ufefftext\n\none\n\n\ntwo\n\n".encode())
    assert rows(path, ["text"]) == [{"text": "one"}, {"text": "two"}]
    assert places(path, ["text"]) == [", line 3", ", line 6"]


@pytest.mark.parametrize(
    "content, place, told",
    [
        ("", ", line 1", "expected a column 'text', found none"),
        ("name,text\na,b\na,b,c\n", ", line 3", "expected 2 cells, as in the header, found 3"),
        ("name,text\na\n", ", line 2", "expected 2 cells, as in the header, found 1"),
        ('name,text\na,"b\nc\n', ", line 3", "not a table of its kind"),
        ('name,text\na,"b"c\n', ", line 2", "not a table of its kind"),
        ("text,name,text\na,b,c\n", ", line 1", "expected one column 'text', found 2 of that name"),
    ],
)
def test_broken_delimited_text(tmp_path, content, place, told):
    assert refused(write(tmp_path / "t.csv", content), told, ["text"]).startswith(f"{place}: ")


def test_quotation_marks_of_tsv_are_characters_unless_the_settings_say_otherwise(tmp_path):
    written = io.StringIO()
    texts = ['He said "yes"', "plain", "a\ttab", '"', "two\nlines"]
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows([["text"], *([text] for text in texts)])
    path = write(tmp_path / "t.tsv", written.getvalue())
    assert [row["text"] for row in rows(path, ["text"], quoted=True)] == texts
    assert refused(path, "in quotation marks with doubled ones inside.*`quoted`", ["text"]).startswith(", line 2: ")
    assert refused(path, "expected 1 cells.* `quoted: true`", ["text"], quoted=False).startswith(", line 4: ")
    marks = ['"Hello"', 'say "x" and "y"', '"', '""', '"a" and "b"']
    path = write(tmp_path / "m.tsv", "\n".join(["text", *marks]))
    for quoted in (None, False):
        assert [row["text"] for row in rows(path, ["text"], quoted=quoted)] == marks
    path = write(tmp_path / "c.csv", 'text\n"a ""b"""\n')
    assert [row["text"] for row in rows(path, ["text"], quoted=False)] == ['"a ""b"""']


def test_a_header_in_one_piece_is_told_with_the_delimiter(tmp_path):
    refused(write(tmp_path / "t.csv", "text;n\na;1\n"), "found 'text;n'; .*`delimiter`", ["text"])


# JSON lines


@pytest.mark.parametrize(
    "line, told",
    [
        ("{'text': 1}", "expected one JSON object a line, found none"),
        ('["text"]', "expected one JSON object a line, found a list"),
        ('{"text": ' + "9" * 5000 + "}", "expected one JSON object a line, found none"),
        ("[" * 100_000, "expected one JSON object a line, found none"),
    ],
)
def test_broken_lines_of_json(tmp_path, line, told):
    path = write(tmp_path / "t.jsonl", f'{{"text": "one"}}\n\n{line}\n')
    assert refused(path, told, ["text"]).startswith(", line 3: ")


def test_rows_of_json_need_only_what_is_asked_for(tmp_path):
    path = write(tmp_path / "t.jsonl", '{"text": "one", "more": [1]}\n \n{"text": null}\n')
    assert rows(path, ["text"]) == [{"text": "one", "more": [1]}, {"text": None}]
    assert places(path, ["text"]) == [", line 1", ", line 3"]


def test_a_key_that_some_rows_of_json_lack_is_null_and_one_that_all_lack_an_error(tmp_path):
    path = write(tmp_path / "t.jsonl", '{"title": "a"}\n{"text": "one"}\n{"inner": {"x": "b"}}\n')
    cells = [[cell_value(row, column) for column in ("text", "title", "inner.x")] for row in rows(path, ["text", "inner.x"])]
    assert cells == [[None, "a", None], ["one", None, None], [None, None, "b"]]
    assert refused(path, "expected a column 'label', found 'title'", ["text", "label"]).startswith(": ")
    assert refused(path, "expected a column 'inner.y', found 'title'", ["inner.y"]).startswith(": ")


# columnar files


def damaged(path, middle):
    """A file with rubbish in the middle: its head and its foot stay as they are."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * middle)
    content[start : start + 200] = b"\xff" * 200
    return write(path, bytes(content))


@pytest.fixture
def large():
    return pa.table({"text": [f"text {number} {number**3 % 1000}" for number in range(3000)]})


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
def test_damaged_parquet(tmp_path, large, compression):
    path = tmp_path / "t.parquet"
    pq.write_table(large, path, compression=compression)
    refused(damaged(path, 0.5), "not a Parquet file, or a damaged one", ["text"])
    refused(write(path, path.read_bytes()[:-100]), "not a Parquet file, or a damaged one", ["text"])
    refused(write(path, ""), "not a Parquet file, or a damaged one", ["text"])


@pytest.mark.parametrize("kind", [pa.ipc.new_file, pa.ipc.new_stream])
def test_damaged_arrow(tmp_path, large, kind):
    path = tmp_path / "t.arrow"
    with pa.OSFile(str(path), "wb") as sink, kind(sink, large.schema) as writer:
        writer.write_table(large)
    whole = path.read_bytes()
    refused(write(path, whole[: len(whole) // 2]), "not an Arrow file, or a damaged one", ["text"])
    refused(damaged(write(path, whole), 0.9), "not an Arrow file, or a damaged one", ["text"])  # texts that are no UTF-8
    refused(write(path, "no Arrow"), "not an Arrow file, or a damaged one", ["text"])
    refused(write(path, ""), "not an Arrow file, or a damaged one", ["text"])


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
def test_damaged_archives(tmp_path, large, form):
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        pq.write_table(large, path)
    elif form == "arrow":
        arrow(path, pa.ipc.new_stream, large)
    else:
        write(path, "text\n" + "one\n" * 5000 if form == "csv" else '{"text": "one"}\n' * 5000)
    packed = gzip.compress(path.read_bytes())
    refused(write(tmp_path / f"t.{form}.gz", packed[: len(packed) // 2]), "damaged one", ["text"])
    refused(write(tmp_path / f"t.{form}.gz", path.read_bytes()), "damaged one", ["text"])


def test_a_packed_text_that_is_broken_in_two_ways(tmp_path):
    packed = gzip.compress(b"text\n\xff\n" + bytes(range(256)) * 9, compresslevel=0)
    refused(write(tmp_path / "t.csv.gz", packed[:900]), "cannot be read as text in utf-8-sig", ["text"])


def test_columnar_files_that_are_unpacked_in_one_direction_alone(tmp_path):
    pq.write_table(columnar(), tmp_path / "t.parquet")
    arrow(tmp_path / "t.arrow", pa.ipc.new_file)
    for name in ("t.parquet", "t.arrow"):
        packed = write(tmp_path / f"{name}.zst", pa.compress((tmp_path / name).read_bytes(), "zstd", asbytes=True))
        assert rows(packed) == [dict(zip(COLUMNS, row, strict=True)) for row in TABLE]


def test_rows_of_columnar_files_are_counted_over_their_parts(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": list(map(str, range(600)))}), path, row_group_size=250)
    assert places(path, ["text"]) == [f", row {number}" for number in range(1, 601)]
    assert places(arrow(tmp_path / "t.arrow", pa.ipc.new_file), ["text"]) == [", row 1", ", row 2", ", row 3"]


def test_columns_of_one_name_are_refused(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", "expected one column 'text', found 2 of that name", ["text"])


# databases


def test_a_query_makes_the_table_of_a_database(tmp_path):
    path = database(tmp_path / "t.sqlite3")
    assert rows(path, ["n"], sql="select count(*) as n from data") == [{"n": 3}]
    assert places(path, ["name"], sql="select name from data") == [f", row {number} of its query" for number in (1, 2, 3)]


def test_a_database_is_only_read(tmp_path):
    path = database(tmp_path / "a # table?.db")
    path.chmod(0o444)
    before = path.read_bytes()
    assert len(rows(path, ["name"], sql="select name from data")) == 3
    refused(path, "the query 'delete from data' fails", sql="delete from data")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "sql, told",
    [
        (None, "expected a query for this database"),
        ("select absent from data", "the query .* fails .*no such column: absent"),
        ("select name from nowhere", "the query .* fails .*no such table: nowhere"),
        ("select name", "the query .* fails"),
        ("select 1 as name; select 2", "the query .* fails"),
        ("select ? as name", "the query .* fails"),
        ("select cast(x'ff' as text) as name", "the query .* fails .*UTF-8"),
        ("select text from data", "its query: expected a column 'name', found 'text'"),
        ("select name, name from data", "its query: expected one column 'name', found 2 of that name"),
        ("", "its query: expected a column 'name', found none"),
    ],
)
def test_queries_that_fail(tmp_path, sql, told):
    refused(database(tmp_path / "t.db"), told, ["name"], sql=sql)


def test_what_is_no_database(tmp_path):
    refused(write(tmp_path / "t.db", b"no database" * 100), "file is not a database", sql="select name from data")
    refused(tmp_path / "nowhere.db", "unable to open database file", sql="select name from data")


# files


@pytest.mark.parametrize("name", ["t.txt", "t", "t.xlsx", "t.txt.gz"])
def test_unknown_endings_are_refused(tmp_path, name):
    path = write(tmp_path / name, gzip.compress(b"text\n") if name.endswith("gz") else "text\n")
    told = refused(path, "expected one of .csv, .tsv, .jsonl, .*.sqlite3", ["text"])
    assert told.endswith("a `format` or a `delimiter`, found '.txt'" if "txt" in name else f"found {path.suffix!r}")


def test_a_folder_and_a_file_that_is_not_there(tmp_path):
    refused(tmp_path, "is a folder")
    for name in ("t.csv", "t.parquet", "t.arrow"):  # the program tells it: see relab.errors.run
        with pytest.raises(FileNotFoundError):
            rows(tmp_path / name)
