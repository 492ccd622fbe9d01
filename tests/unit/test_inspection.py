"""relab check: what a file is, and an overlay that reads it."""

from __future__ import annotations

import json

import pytest
from support.overlays import overlay_of_check

from relab.errors import UserError
from relab.inspection import inspect

REVIEWS = "text,label,id\nfine film,no,1\nbad film,yes,2\nlovely one,no,3\n poor one,yes,4\nfine film,no,1\n"


def test_a_table_with_a_column_of_classes_is_a_classification(tmp_path):
    (tmp_path / "My réviews (1).csv").write_text(REVIEWS, encoding="utf-8")
    (dataset,) = overlay_of_check(tmp_path / "My réviews (1).csv")["datasets"].values()
    assert (dataset["kind"], dataset["text"], dataset["label"]) == ("classification", "text", "label")
    assert dataset["labels"] == {"no": "no", "yes": "yes"}, "words that YAML reads as truth values are quoted"


def test_other_files_are_corpora(tmp_path):
    rows = [{"id": number, "answers": {"text": f"answer {number}"}} for number in range(3)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "Tale.txt").write_text("Once\n\nupon\n", encoding="utf-8")
    assert overlay_of_check(tmp_path / "a.jsonl")["corpora"]["a"]["reader"] == {"kind": "table", "column": "answers.text"}
    assert overlay_of_check(tmp_path / "Tale.txt")["corpora"]["tale"]["reader"]["kind"] == "text"


def test_rows_empty_cells_and_repetitions_are_counted(tmp_path):
    (tmp_path / "a.csv").write_text(REVIEWS + ",no,9\n", encoding="utf-8")
    facts = inspect(tmp_path / "a.csv")
    assert (facts.rows, facts.repeated, facts.columns["text"].empty) == (6, 1, 1)
    assert facts.lines[0] == f"{tmp_path}/a.csv: a table (.csv), 6 rows, 1 of them stood there before"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"caf\xe9", "expected text in UTF-8"),
        ("a.csv", b"a,b\n1\n", "line 2: expected 2 cells"),
        ("a.parquet", b"no", "Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        inspect(tmp_path / name)
