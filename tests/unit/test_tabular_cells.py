"""Cells of rows: what the name of a column leads to, and rows that are kept by their values."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tables import arrow, database, refused, rows, write

from relab.comparable import comparable
from relab.tabular import cell_value, matches


def test_a_point_leads_into_a_column():
    row = {"choices": {"text": ["a", "b"], "label": ["A", "B"]}, "a.b": 1, "text": "plain", "none": None}
    assert cell_value(row, "choices.text") == ["a", "b"]
    assert cell_value(row, "a.b") == 1
    assert cell_value(row, "choices") == row["choices"]
    assert [cell_value(row, path) for path in ("choices.other", "text.more", "none.more")] == [None] * 3


#: A row with what a path leads to in it: through several objects, a list of them, names with points.
NESTED = {
    "a": {"b": {"c": "deep"}, "d.e": {"f": "point"}},
    "l": [{"t": "x", "u": [{"v": 1}]}, {"t": "y", "u": []}],
    "p.q": {"r": 2},
}
PATHS = {"a.b.c": "deep", "a.d.e.f": "point", "l.t": ["x", "y"], "l.u.v": [[1], []], "p.q.r": 2}


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "arrow"])
def test_a_point_leads_inside_as_deep_as_a_row_goes(tmp_path, form):
    path = tmp_path / f"t.{form}"
    if form.startswith("json"):
        write(path, json.dumps(NESTED))
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist([NESTED]), path)
    else:
        arrow(path, pa.ipc.new_stream, pa.Table.from_pylist([NESTED]))
    (row,) = rows(path, list(PATHS))
    assert {name: cell_value(row, name) for name in PATHS} == PATHS
    for absent in ("a.b.d", "a.b.c.d", "l.w", "p.r", "a."):
        refused(path, f"expected a column '{absent}'", [absent])


def test_a_point_leads_into_no_cell_of_text(tmp_path):
    refused(write(tmp_path / "t.csv", "text\none\n"), "line 1: expected a column 'text.en', found 'text'", ["text.en"])
    assert rows(write(tmp_path / "t.csv", "text.en\none\n"), ["text.en"]) == [{"text.en": "one"}]
    refused(database(tmp_path / "t.db"), "expected a column 'text.en'", ["text.en"], sql="select text from data")


def test_nested_columns_of_files(tmp_path):
    table = pa.table({"choices": [{"text": ["a"], "label": ["A"]}], "other": [1]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet", ["choices.text", "choices.label"]) == [{"choices": {"text": ["a"], "label": ["A"]}}]
    refused(tmp_path / "t.parquet", "expected a column 'choice.text'", ["choice.text"])
    refused(tmp_path / "t.parquet", "expected a column 'choices.texts'", ["choices.texts"])
    refused(arrow(tmp_path / "t.arrow", pa.ipc.new_stream, table), "expected a column 'choices.texts'", ["choices.texts"])
    write(tmp_path / "t.jsonl", '{"choices": {"text": ["a"]}}\n')
    assert [cell_value(row, "choices.text") for row in rows(tmp_path / "t.jsonl", ["choices.text"])] == [["a"]]


@pytest.mark.parametrize(
    "value, wanted, same",
    [
        ("en", "en", True),
        ("en", "de", False),
        (1, 1, True),
        (1.0, 1, True),
        ("1", 1, True),
        ("TRUE", True, True),
        ("false", False, True),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (None, "en", False),
        (None, False, False),
    ],
)
def test_rows_are_kept_by_the_values_of_columns(value, wanted, same):
    assert matches({"column": value, "other": "x"}, {"column": comparable(wanted)}) is same
    assert matches({"column": value, "other": "x"}, {"column": comparable(wanted), "other": "y"}) is False
    assert matches({"nested": {"column": value}}, {"nested.column": comparable(wanted)}) is same
    assert matches({"column": value}, {})
