"""Data sets of choices: questions, their choices and answers; the program that makes a part."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_datasets import QUESTIONS, all_parts, csv_file, dataset, jsonl_file, made, refused

from relab.datasets.storage import CHOICE, column_texts


def questions(path, number=12):
    rows = [
        {"stem": f"question {n}", "choices": {"text": [f"{n} one", f"{n}  two", f"{n} three"], "label": ["A", "B", "C"]},
         "answer": "ABC"[n % 3]}
        for n in range(number)
    ]  # fmt: skip
    return jsonl_file(path, rows)


def test_choices_inside_a_column_with_names(tmp_path):
    settings = dataset(QUESTIONS, choices="choices.text", names="choices.label", tables={"all": "a.jsonl"})
    parts = all_parts([questions(tmp_path / "a.jsonl")], settings, tmp_path)
    found = [row for rows, _ in parts.values() for row in rows]
    assert len(found) == 12
    for row in found:
        n = int(row["question"].split()[1])
        assert row == {"question": f"question {n}", "choices": [f"{n} one", f"{n} two", f"{n} three"], "answer": n % 3}
    assert pq.read_schema(tmp_path / "made" / "test.parquet") == CHOICE
    assert "classes" not in parts["test"][1]


def test_names_may_be_fewer_or_in_another_order(tmp_path):
    rows = [
        {"stem": "q", "choices": ["w", "x"], "names": ["2", "1"], "answer": 1},
        {"stem": "r", "choices": ["w", "x"], "names": ["1", "2", "3"], "answer": "2"},
    ]
    settings = dataset(QUESTIONS, names="names", tables={"test": "a.jsonl"})
    assert [row["answer"] for row in made([jsonl_file(tmp_path / "a.jsonl", rows)], settings, "test", tmp_path)[0]] == [1, 1]


def test_a_column_for_each_choice(tmp_path):
    header = ("story", "start", "end1", "end2", "right")
    files = [csv_file(tmp_path / "a.csv", [("It rained.", "They", "ran  home.", " flew.", 0), ("x", "", "a", "b", 1)], header)]
    settings = dataset(
        QUESTIONS, question=["story", "start"], choices=["end1", "end2"], answer="right", tables={"test": "a.csv"}
    )
    assert made(files, settings, "test", tmp_path)[0] == [
        {"question": "It rained. They", "choices": ["ran home.", "flew."], "answer": 0},
        {"question": "x", "choices": ["a", "b"], "answer": 1},
    ]


def test_a_list_of_choices_with_the_place_of_the_answer(tmp_path):
    table = pa.table({"stem": ["q", "r"], "choices": [["a", "b"], ["c", "d", "e"]], "answer": pa.array([1, 2], pa.int32())})
    pq.write_table(table, tmp_path / "a.parquet")
    rows, _ = made([tmp_path / "a.parquet"], dataset(QUESTIONS, tables={"test": "a.parquet"}), "test", tmp_path)
    assert [(row["choices"], row["answer"]) for row in rows] == [(["a", "b"], 1), (["c", "d", "e"], 2)]


GOOD = {"stem": "q", "choices": ["a", "b"], "answer": 1}
BAD_QUESTIONS = [
    ({**GOOD, "stem": " "}, "column 'stem': expected a text, found none"),
    ({**GOOD, "answer": 2}, "column 'answer': expected one of '0', '1', found '2'"),
    ({**GOOD, "answer": -1}, "column 'answer': expected one of '0', '1', found '-1'"),
    ({**GOOD, "answer": "A"}, "column 'answer': expected one of '0', '1', found 'A'"),
    ({**GOOD, "answer": None}, "column 'answer': expected one of '0', '1', found ''"),
    ({**GOOD, "choices": ["a"]}, "column 'choices': expected at least two choices with text"),
    ({**GOOD, "choices": ["a", " "]}, "column 'choices': expected at least two choices with text"),
    ({**GOOD, "choices": ["a", None]}, "column 'choices': expected a list of texts"),
    ({**GOOD, "choices": "a b"}, "column 'choices': expected a list of texts, found 'a b'"),
    ({**GOOD, "choices": None}, "column 'choices': expected a list of texts, found None"),
    ({**GOOD, "choices": ["a", "\udc00"]}, r"expected Unicode in its choices, found '\\udc00' alone"),
]


@pytest.mark.parametrize("row, told", BAD_QUESTIONS)
def test_a_bad_question_is_an_error_or_left_out(tmp_path, row, told):
    files = [jsonl_file(tmp_path / "a.jsonl", [GOOD, row])]
    found = refused(files, dataset(QUESTIONS, tables={"test": "a.jsonl"}), "test", tmp_path, told)
    assert found.startswith(f"{tmp_path / 'a.jsonl'}, line 2: ")
    rows, counts = made(files, dataset(QUESTIONS, tables={"test": "a.jsonl"}, bad_rows="drop"), "test", tmp_path)
    assert rows == [{"question": "q", "choices": ["a", "b"], "answer": 1}]
    assert (counts["read"], counts["bad"]) == (2, 1)


def test_answers_and_choices_of_other_columns_that_are_bad(tmp_path):
    rows = [{**GOOD, "names": ["A", "B", "C"], "answer": "C"}, {**GOOD, "names": "AB", "answer": "A"}]
    settings = dataset(QUESTIONS, names="names", tables={"test": "a.jsonl"})
    refused(
        [jsonl_file(tmp_path / "a.jsonl", rows)], settings, "test", tmp_path, "line 1: .* expected one of 'A', 'B', found 'C'"
    )
    refused(
        [jsonl_file(tmp_path / "a.jsonl", rows[1:])], settings, "test", tmp_path, "column 'names': expected a list of texts"
    )
    csv_file(tmp_path / "b.csv", [("q", "a", "b", 0), ("q", "a", "", 0)], ("stem", "x", "y", "answer"))
    settings = dataset(QUESTIONS, choices=["x", "y"], tables={"test": "b.csv"})
    refused([tmp_path / "b.csv"], settings, "test", tmp_path, "b.csv, line 3: column 'y': expected a text, found none")


def test_questions_are_equal_where_all_their_texts_are_in_whatever_order(tmp_path):
    others = [{**GOOD, "choices": ["a", "c"]}, {**GOOD, "stem": "r"}]
    rows = [GOOD, {**GOOD, "choices": ["b", "a"]}, *others]
    files = [jsonl_file(tmp_path / "a.jsonl", rows), jsonl_file(tmp_path / "b.jsonl", [GOOD])]
    settings = dataset(QUESTIONS, tables={"train": "a.jsonl", "validation": "b.jsonl", "test": "b.jsonl"})
    rows, counts = made(files, settings, "train", tmp_path)
    assert [(row["question"], row["choices"]) for row in rows] == [("q", ["a", "c"]), ("r", ["a", "b"])]
    assert (counts["duplicates"], counts["near_duplicates"]) == (2, 0)


# parts


def test_texts_of_a_part_row_by_row_and_column_by_column(tmp_path):
    settings = dataset(QUESTIONS, choices="choices.text", names="choices.label", tables={"test": "a.jsonl"})
    made([questions(tmp_path / "a.jsonl", 2)], settings, "test", tmp_path)
    assert list(column_texts(tmp_path / "made" / "test.parquet", ["question", "choices"])) == [
        ("question", ["question 0"]),
        ("choices", ["0 one", "0 two", "0 three"]),
        ("question", ["question 1"]),
        ("choices", ["1 one", "1 two", "1 three"]),
    ]
