"""JSON arrays are tables, read an object at a time; what is none is told with file and row."""

from __future__ import annotations

import io
import itertools
import json
from collections import Counter
from contextlib import contextmanager

import pytest
from pydantic import TypeAdapter

from relab.corpora import json_arrays, readers
from relab.corpora.sources import Source
from relab.errors import UserError
from relab.settings.corpora import AnyReader
from relab.tabular import TableFormat, read_rows, source_rows

ROWS = [
    {"story": "one\n\n“two” \\ /", "instruction": {"prompt:": "Write", "words": ["a", "b"]}, "source": "GPT-4"},
    {"story": None, "instruction": None, "source": "GPT-3.5"},
    {"story": "😀 \ud83d", "instruction": {"prompt:": "Tell"}, "source": "GPT-4", "n": 10**30, "x": [[], {}, 1e400]},
]


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path, **settings):
    reader = TypeAdapter(AnyReader).validate_python({"kind": "table", "column": "story"} | settings)
    return list(readers.read([path], reader, Counter()))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("around", ["", " \r\n\n\t"])
@pytest.mark.parametrize("escaped", [True, False])
def test_an_array_gives_the_rows_that_json_reads(tmp_path, indent, around, escaped):
    text = json.dumps(ROWS, indent=indent, ensure_ascii=escaped).replace("\ud83d", "\\ud83d")
    path = write(tmp_path / "a.json", f"\ufeff{around}{text}{around}")
    assert list(read_rows(path, ["story"])) == [(f"{path}, row {number}", row) for number, row in enumerate(ROWS, 1)]


def test_an_array_without_objects_is_a_table_without_rows(tmp_path):
    assert [read(write(tmp_path / "a.json", text)) for text in ("[]", "\n[ \n]\n")] == [[], []]


def test_blocks_of_any_size_give_the_same_rows(monkeypatch):
    text = json.dumps(ROWS, indent=1)
    for size in range(1, 40):
        monkeypatch.setattr(json_arrays, "_BLOCK", size)
        for begun in (0, 1, 17):
            found = json_arrays.array_values(io.StringIO(text[begun:]), "a", text[:begun])
            assert [row for _, row in found] == ROWS


def test_columns_inside_columns_and_rows_by_their_values(tmp_path):
    path = write(tmp_path / "a.json", json.dumps(ROWS))
    assert read(path, column="instruction.prompt:") == ["Write", "", "Tell"]
    assert read(path, where={"source": "GPT-4"}) == [ROWS[0]["story"], ROWS[2]["story"]]
    assert read(path, column="source", where={"instruction.prompt:": "Tell"}) == ["GPT-4"]


def test_json_lines_of_this_ending_are_still_told_by_their_first_line(tmp_path):
    path = write(tmp_path / "a.json", "\n \n" + "".join(json.dumps(row) + "\n" for row in ROWS).rstrip())
    assert list(read_rows(path, ["story"])) == [(f"{path}, line {number}", row) for number, row in enumerate(ROWS, 3)]
    long = write(tmp_path / "b.json", json.dumps({"story": "x" * 100_000}) + '\n{"story": "y"}')
    assert read(long) == ["x" * 100_000, "y"]
    assert read(write(tmp_path / "c.json", "")) == []


def test_an_array_in_another_encoding(tmp_path):
    path = write(tmp_path / "a.json", json.dumps([{"text": "è"}], ensure_ascii=False).encode("utf-16"))
    assert [row for _, row in read_rows(path, ["text"], TableFormat(encoding="utf-16"))] == [{"text": "è"}]


@pytest.mark.parametrize(
    "content, sentence",
    [
        ('{\n"story": "a"\n}', ", line 1: expected one JSON object a line, or one array of objects in the file, found none"),
        ('"story"', ", line 1: expected one JSON object a line, or one array of objects in the file, found a str"),
        ('["a"]', ", row 1: expected a JSON object, found a str"),
        ('[{"story": "a"}, [1]]', ", row 2: expected a JSON object, found a list"),
        ('[{"text": "a"}, {"text": "b"}]', ": expected a column 'story', found 'text'"),
        ("[{}, {}]", ": expected a column 'story', found none"),
        ('[{"story": 3}]', ", row 1: expected text in the column 'story', found 3"),
        ('[{"story": false}]', ", row 1: expected text in the column 'story', found False"),
        ('[{"story": {"a": 1}}]', ", row 1: expected text in the column 'story', found {'a': 1}"),
        ('[{"story": "a"}, {"story": ]', ", row 2: expected a JSON object, found none (Expecting value)"),
        ('[{"story": "a"},]', ", row 2: expected a JSON object, found none (Expecting value)"),
        ('[{"story": "a"}, {"story": "b', ", row 2: expected a JSON object, found none (Unterminated string starting at)"),
        ("[", ", row 1: expected a JSON object, found none (Expecting value)"),
        ('[{"story": "a"}', ", row 1: expected a comma or the end of the array after it, found the end of the file"),
        ('[{"story": "a"} {"story": "b"}]', ", row 1: expected a comma or the end of the array after it, found '{'"),
        ('[{"story": "a"}]\n[{"story": "b"}]', ": expected one JSON array and nothing after it, found '[' after row 1"),
        ('[{"story": ' + "9" * 5000 + "}]", ", row 1: expected a JSON object, found none (Exceeds the limit"),
        ("[" * 100_000, ", row 1: expected a JSON object, found none (maximum recursion depth exceeded"),
    ],
)
def test_what_is_no_array_of_objects_with_the_text_is_told_with_the_row(tmp_path, content, sentence):
    path = write(tmp_path / "a.json", content)
    with pytest.raises(UserError) as error:
        read(path)
    told = str(error.value)
    assert told.startswith(f"{path}{sentence}") and "\n" not in told and len(told) < len(str(path)) + 200


@pytest.mark.parametrize("value", ['{"prompt:": "x"}', '"text"', "[1]"])
def test_a_field_that_lacks_in_a_column_is_told(tmp_path, value):
    path = write(tmp_path / "a.json", f'[{{"instruction": {value}}}]')
    with pytest.raises(UserError, match=r"a\.json: expected a column 'instruction\.prompt', found 'instruction'"):
        read(path, column="instruction.prompt")


# memory


def endless(head, row, count):
    """A file that holds ``head`` and then ``row`` for ever; ``count`` is told how many bytes were read."""

    class File(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, target):
            count["bytes"] += len(target)
            target[:] = bytes(itertools.islice(self.content, len(target)))
            return len(target)

        content = itertools.chain(head, itertools.cycle(row))

    @contextmanager
    def opened():
        yield io.BufferedReader(File())

    return Source("a.json", ".json", opened)


def test_rows_come_before_the_array_is_read_to_its_end():
    count = Counter()
    rows = source_rows(endless(b"[", b'{"story": "a"}, ', count), ["story"])
    assert next(rows) == ("a.json, row 1", {"story": "a"})
    assert count["bytes"] < 2**18
    assert len(list(itertools.islice(rows, 20_000))) == 20_000
    assert count["bytes"] < 20_001 * 16 + 2**18


@pytest.mark.parametrize(("head", "row"), [(b'[{"story": "', b"x"), (b"[", b'{"a": '), (b"[{", b'"a": 1, ')])
def test_a_value_that_does_not_end_is_refused_before_it_fills_the_memory(monkeypatch, head, row):
    monkeypatch.setattr(json_arrays, "LARGEST_DOCUMENT", 2**18)
    count = Counter()
    with pytest.raises(UserError, match=r"a\.json, row 1: expected a JSON object, found none"):
        next(source_rows(endless(head, row, count), ["story"]))
    assert count["bytes"] <= 2**20
