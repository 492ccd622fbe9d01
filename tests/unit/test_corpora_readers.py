"""Each published form of texts becomes documents, and what is not of the form is refused with its place."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from relab.corpora import divide, readers, sources
from relab.errors import UserError
from relab.settings.corpora import AnyReader


def read(paths, tally=None, **settings):
    paths = [paths] if isinstance(paths, (str, Path)) else paths
    reader = TypeAdapter(AnyReader).validate_python(settings)
    return list(readers.read(paths, reader, Counter() if tally is None else tally))


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# plain text


@pytest.mark.parametrize(
    "document, expected",
    [
        ("file", ["one\ntwo\n\n \nthree\n"]),
        ("paragraph", ["one\ntwo\n", "three\n"]),
        ("line", ["one", "two", "", " ", "three"]),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_text_is_cut_into_documents_whatever_its_line_ends(tmp_path, document, expected, line_end):
    path = write(tmp_path / "a.txt", "one\ntwo\n\n \nthree\n".replace("\n", line_end))
    assert read(path, kind="text", document=document) == expected


def test_headings_open_documents_and_introductory_matter_is_counted(tmp_path):
    path = write(tmp_path / "poem.txt", "A title\n\nCANTO 1\nfirst\nCANTO 2\nsecond")
    tally = Counter()
    assert read(path, tally, kind="text", document="heading", regexp="^CANTO") == ["CANTO 1\nfirst\n", "CANTO 2\nsecond"]
    assert tally == {"characters before the first heading": len("A title\n\n")}


def test_separators_may_stand_inside_a_line(tmp_path):
    path = write(tmp_path / "stories.txt", "one\n<|end|>\ntwo <|end|> three\n")
    assert read(path, kind="text", document="separator", regexp=r"<\|end\|>") == ["one\n", "\ntwo ", " three\n"]


def test_a_text_may_be_cut_at_places_by_a_separator_without_width(tmp_path):
    path = write(tmp_path / "home.txt", "one two three\nfour five six\n")
    found = read(path, kind="text", document="separator", regexp="(?= three)|(?= six)")
    assert found == ["one two", " three\nfour five", " six\n"]


@pytest.mark.parametrize("document", ["heading", "separator"])
def test_an_expression_that_matches_nothing_is_an_error(tmp_path, document):
    path = write(tmp_path / "a.txt", "text\n")
    with pytest.raises(UserError, match=rf"a\.txt: no line .* the {document} 'XYZ'"):
        read(path, kind="text", document=document, regexp="XYZ")


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"document": "heading"}, "needs a `regexp`"),
        ({"document": "line", "regexp": "x"}, "`regexp` goes with"),
        ({"document": "separator", "regexp": "("}, "not a regular expression"),
    ],
)
def test_settings_that_do_not_fit_are_found_before_anything_is_read(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TypeAdapter(AnyReader).validate_python({"kind": "text", **settings})


def test_zips_gzips_and_several_files_are_read_in_order(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("songs/b.txt", "second")
        archive.writestr("songs/a.txt", "\ufefffirst")
        archive.writestr("__MACOSX/songs/._a.txt", b"\x00\x05\x16\x07\xff")
        archive.writestr("songs/.DS_Store", b"\xff")
    packed = write(tmp_path / "c.txt.gz", gzip.compress(b"third"))
    assert read([tmp_path / "all.zip", packed], kind="text") == ["first", "second", "third"]


@pytest.mark.parametrize(
    "name, content", [("a.zip", b"no zip"), ("a.txt.gz", b"no gzip"), ("b.txt.gz", gzip.compress(b"x" * 999, mtime=0)[:-9])]
)
def test_damaged_archives_are_named(tmp_path, name, content):
    with pytest.raises(UserError, match=rf"{name}: not an archive of its kind, or a damaged one"):
        read(write(tmp_path / name, content), kind="text")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="is a folder, expected a file"):
        read(tmp_path, kind="text")


# encodings


def test_the_place_of_a_byte_that_is_not_utf8_is_told(tmp_path):
    path = write(tmp_path / "dante.txt", "perché\ncittà\n".encode() + "virtù\n".encode("latin-1"))
    with pytest.raises(
        UserError, match=r"dante\.txt, line 3, byte 19: expected text in UTF-8, found the byte 0xF9; set its .* `encoding`"
    ):
        read(path, kind="text")


def test_files_that_do_not_decode_are_left_out_and_counted_where_asked(tmp_path):
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        archive.writestr("a.py", "a = 'è'\n")
        archive.writestr("latin.py", "# coding: latin-1\nb = 'è'\n".encode("latin-1"))
        archive.writestr("utf16.py", "c = 1\n".encode("utf-16"))
        archive.writestr("z.py", "\ufeffd = 2\r\n")
    tally = Counter()
    assert read(tmp_path / "source.zip", tally, kind="text", undecodable="drop") == ["a = 'è'\n", "d = 2\n"]
    assert tally == {sources.UNDECODABLE: 2}
    with pytest.raises(UserError, match=r"latin\.py, line 2, byte 23: expected text in UTF-8"):
        read(tmp_path / "source.zip", kind="text")


def test_given_texts_are_documents():
    assert read([], kind="given", texts=["one", " two\n"]) == ["one", " two\n"]
    with pytest.raises(ValidationError, match="at least 2 items"):
        TypeAdapter(AnyReader).validate_python({"kind": "given", "texts": ["one"]})


def test_the_place_is_right_across_blocks_and_in_zips(tmp_path):
    good = "è\n" * 400_000  # 1.2 MB, so that a block ends inside a character
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.txt", good.encode() + b"a\xe8b")
    with pytest.raises(UserError, match=rf"a\.zip: x\.txt, line 400001, byte {len(good.encode()) + 1}: .* 0xE8"):
        read(tmp_path / "a.zip", kind="text")


def test_a_character_cut_off_at_the_end_is_told(tmp_path):
    with pytest.raises(UserError, match="line 1, byte 1: .* 0xC3"):
        read(write(tmp_path / "a.txt", b"a\xc3"), kind="text")


@pytest.mark.parametrize("encoding, reason", [("utf-16", "BOM"), ("hex", "text encoding"), ("undefined", "undefined")])
@pytest.mark.parametrize("kind", ["text", "gutenberg", "play"])
def test_an_encoding_that_the_text_is_not_in_is_told(tmp_path, kind, encoding, reason):
    with pytest.raises(UserError, match=f"a.txt: cannot be read as text in {encoding} .*{reason}"):
        read(write(tmp_path / "a.txt", b"testo\n"), kind=kind, encoding=encoding)


def test_utf16_is_recognised_and_refused(tmp_path):
    assert read(write(tmp_path / "b.txt", "testo".encode("utf-16")), kind="text", encoding="utf-16") == ["testo"]
    with pytest.raises(UserError, match="line 1, byte 0: .* 0xFF.* `encoding: utf-16`"):
        read(write(tmp_path / "a.txt", "testo".encode("utf-16")), kind="text")


# streaming


def test_documents_come_before_the_text_is_read_to_its_end():
    def endless():
        for number in itertools.count():
            yield f"line {number}\n"
            yield "\n"

    settings = TypeAdapter(AnyReader).validate_python({"kind": "text", "document": "paragraph"})
    documents = divide.divide(endless(), settings, "endless", Counter())
    assert list(itertools.islice(documents, 2)) == ["line 0\n", "line 1\n"]


def test_a_file_is_read_a_block_at_a_time():
    class Counting(io.BytesIO):
        taken = 0

        def readinto(self, buffer):
            size = super().readinto(buffer)
            self.taken += size
            return size

    raw = Counting(b"a line of text\n" * 100_000)
    next(sources.read_lines(sources.Source("big.txt", ".txt", lambda: io.BufferedReader(raw))))
    assert 0 < raw.taken < 100_000


@pytest.mark.parametrize("document", ["file", "paragraph", "line"])
def test_a_document_beyond_the_largest_is_refused_with_advice(tmp_path, monkeypatch, document):
    for module in (sources, divide):
        monkeypatch.setattr(module, "LARGEST_DOCUMENT", 1000)
    path = write(tmp_path / "long.txt", "word " * 300)
    with pytest.raises(UserError, match=r"long\.txt: a document is larger than .* MiB; .* `document: paragraph`"):
        read(path, kind="text", document=document)


def test_the_largest_document_is_counted_in_bytes(tmp_path, monkeypatch):
    for module in (sources, divide):
        monkeypatch.setattr(module, "LARGEST_DOCUMENT", 1000)
    assert read(write(tmp_path / "a.txt", "a" * 1000), kind="text") == ["a" * 1000]
    with pytest.raises(UserError, match="a document is larger"):
        read(write(tmp_path / "e.txt", "è" * 501), kind="text")


# plays

ROWS = [
    {"text": 'one, "two"\nthree', "label": 1, "ok": True},
    {"text": "NA", "label": 2, "ok": False},
    {"text": None, "label": 1, "ok": True},
]


def _csv(path):
    path.write_text('text,label,ok\n"one, ""two""\nthree",1,True\nNA,2,False\n,1,True\n', encoding="utf-8")


def _json(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")


def _json_gz(path):
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n\n" for row in ROWS).encode()))


def _parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    "name, writer", [("a.csv", _csv), ("a.jsonl", _json), ("a.json.gz", _json_gz), ("a.parquet", _parquet)]
)
def test_tables_give_a_document_a_row(tmp_path, name, writer):
    writer(tmp_path / name)
    assert read(tmp_path / name, kind="table") == ['one, "two"\nthree', "NA", ""]
    assert read(tmp_path / name, kind="table", where={"label": 2}) == ["NA"]
    assert read(tmp_path / name, kind="table", where={"ok": True, "label": 1}) == ['one, "two"\nthree', ""]
    with pytest.raises(UserError, match=r"expected a column 'body', found 'text', 'label', 'ok'"):
        read(tmp_path / name, kind="table", column="body")
    with pytest.raises(UserError, match="expected a column 'lang'"):
        read(tmp_path / name, kind="table", where={"lang": "it"})


def test_rows_may_be_kept_where_a_column_has_one_of_several_values(tmp_path):
    rows = [("a", "mit"), ("b", "gpl-3.0"), ("c", "isc"), ("d", None)]
    path = write(tmp_path / "code.jsonl", "".join(json.dumps({"code": one, "license": two}) + "\n" for one, two in rows))
    settings = {"kind": "table", "column": "code"}
    assert read(path, **settings, where={"license": ["mit", "isc"]}) == ["a", "c"]
    assert read(path, **settings, where={"license": "mit"}) == ["a"]
    assert read(path, **settings, where={"license": []}) == []


def test_quotation_marks_are_characters_in_tsv(tmp_path):
    path = write(tmp_path / "a.tsv", 'text\tlabel\n"so it goes\t1\nbad " end\t0\n')
    assert read(path, kind="table") == ['"so it goes', 'bad " end']


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        ("a.xlsx", "", r"a\.xlsx: expected one of \.csv.*found '\.xlsx'"),
        ("a.csv", "text,label\nx,1\ny\n", r"a\.csv, line 3: expected 2 cells, as in the header, found 1"),
        ("a.csv", 'text\n"never closed\n', r"a\.csv, line \d: not a table"),
        ("a.csv", "", r"a\.csv, line 1: expected a column 'text', found none"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', r"a\.jsonl, line 2: expected one JSON object a line"),
        ("a.jsonl", '["a"]\n', r"a\.jsonl, line 1: expected one JSON object a line, found a list"),
        ("a.json", '["a"]\n', r"a\.json, row 1: expected a JSON object, found a str"),
        ("a.jsonl", '{"text": 3}\n', r"a\.jsonl, line 1: expected text in the column 'text', found 3"),
        ("a.parquet", "PAR1 no", r"a\.parquet: not a Parquet file"),
        ("a.csv", b"text\nperch\xe9\n", r"a\.csv, line 2, byte 10: expected text in UTF-8"),
    ],
)
def test_damaged_tables_are_named_with_the_line(tmp_path, name, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read(write(tmp_path / name, content), kind="table")


# real texts


@pytest.fixture
def real_data():
    folder = os.environ.get("RELAB_TEST_DATA")
    if not folder:
        pytest.skip("RELAB_TEST_DATA names no folder of real data")
    return Path(folder)


def test_the_divine_comedy_has_a_hundred_cantos(real_data):
    path = real_data / "divina_commedia/divina_commedia.txt"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    cantos = read(path, kind="text", document="heading", regexp="^(INFERNO|PURGATORIO|PARADISO) CANTO")
    assert len(cantos) == 100
    assert "".join(cantos) == path.read_text(encoding="utf-8")
    assert [sum(canto.startswith(part) for canto in cantos) for part in ("INFERNO", "PURGATORIO", "PARADISO")] == [34, 33, 33]
