"""Data sets of texts with classes and of questions with choices: what tables become, and which rows end in which split."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_datasets import TEXTS, all_parts, csv_file, dataset, jsonl_file, made, refused
from support.runs import CHECKOUT

from relab.artefacts.kind import Member
from relab.corpora.splitting import split_size
from relab.datasets.build import build
from relab.datasets.draws import random_keys, stratified_sample
from relab.datasets.left_out import left_out
from relab.datasets.storage import CLASSIFICATION
from relab.settings.datasets import SPLITS


def hundred(path, goods=25):
    """A hundred texts, the first of them of the class 1."""
    return csv_file(path, [(f"text {number}", int(number < goods)) for number in range(100)])


# drawn splits


def test_drawn_splits_part_the_rows_with_classes_in_proportion(tmp_path):
    settings = dataset(tables={"all": "a.csv"}, draw={"test": 0.2, "validation": 0.12})
    parts = all_parts([hundred(tmp_path / "a.csv")], settings, tmp_path)
    found = {name: {row["text"] for row in rows} for name, (rows, _) in parts.items()}
    assert {name: len(own) for name, own in found.items()} == {"train": 68, "validation": 12, "test": 20}
    assert set.union(*found.values()) == {f"text {number}" for number in range(100)}
    for name, (rows, counts) in parts.items():
        labels = Counter(row["label"] for row in rows)
        assert labels == {"good": len(rows) // 4, "bad": len(rows) * 3 // 4}
        assert counts == {
            "read": 100, "bad": 0, "duplicates": 0, "near_duplicates": 0, "grouped": 0, "available": len(rows),
            "rows": len(rows), "classes": labels,
        }, name  # fmt: skip
        assert all((row["label"] == "good") == (int(row["text"].split()[1]) < 25) for row in rows)


def test_other_seeds_draw_other_rows_and_keep_the_order_of_the_table(tmp_path):
    files = [hundred(tmp_path / "a.csv")]
    drawn = []
    for seed in (0, 0, 1):
        rows, _ = made(files, dataset(tables={"all": "a.csv"}, draw={"seed": seed}), "test", tmp_path)
        numbers = [int(row["text"].split()[1]) for row in rows]
        assert numbers == sorted(numbers)
        drawn.append(numbers)
    assert drawn[0] == drawn[1] != drawn[2]


def test_too_few_rows_to_draw_from(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [("one", 0), ("two", 1)])]
    refused(files, dataset(tables={"all": "a.csv"}), "test", tmp_path, "drawn from 1 rows, expected at least two")


def test_the_smallest_classes_are_drawn_by_largest_remainders():
    groups = ["a"] * 7 + ["b"] * 2 + ["c"]
    chosen = stratified_sample(groups, 5, random_keys(10, 0))
    assert Counter(group for group, own in zip(groups, chosen, strict=True) if own) == {"a": 4, "b": 1}  # 3.5, 1 and 0.5
    assert stratified_sample(groups, 99, random_keys(10, 0)).all()
    assert not stratified_sample(groups, 0, random_keys(10, 0)).any()
    assert [split_size(10, 0.25), split_size(10, 0.01), split_size(10, 0.99), split_size(2, 0.5)] == [2, 1, 9, 1]


# published splits


@pytest.fixture
def published(tmp_path):
    """Three published tables: 30 rows of training, 10 of validation, 20 of testing."""
    sizes = {"train": 30, "validation": 10, "test": 20}
    return [csv_file(tmp_path / f"{name}.csv", [(f"{name} {n}", n % 2) for n in range(size)]) for name, size in sizes.items()]


def test_published_splits_stay_as_they_are(tmp_path, published):
    settings = dataset(tables={name: f"{name}.csv" for name in SPLITS})
    for name, (rows, counts) in all_parts(published, settings, tmp_path).items():
        size = {"train": 30, "validation": 10, "test": 20}[name]
        assert rows == [{"text": f"{name} {n}", "label": ("bad", "good")[n % 2]} for n in range(size)]
        assert (counts["rows"], counts["available"], counts["duplicates"]) == (size, size, 0)


def test_validation_is_drawn_from_the_training_rows_where_none_is_published(tmp_path, published):
    settings = dataset(tables={"train": "train.csv", "test": "test.csv"}, draw={"validation": 0.2})
    parts = {name: rows for name, (rows, _) in all_parts(published, settings, tmp_path).items()}
    assert [len(parts[name]) for name in SPLITS] == [24, 6, 20]
    assert {row["text"] for row in parts["train"] + parts["validation"]} == {f"train {n}" for n in range(30)}
    assert [row["text"] for row in parts["test"]] == [f"test {n}" for n in range(20)]
    assert Counter(row["label"] for row in parts["validation"]) == {"good": 3, "bad": 3}


def test_settings_may_lack_what_concerns_earlier_parts_only(tmp_path, published):
    whole = dataset(tables={name: f"{name}.csv" for name in SPLITS}, limit={"test": 7})
    alone = dataset(tables={"test": "test.csv"}, limit={"test": 7})
    assert made(published, whole, "test", tmp_path)[0] == made([published[2]], alone, "test", tmp_path)[0]


def test_a_table_that_is_not_among_the_files(tmp_path, published):
    settings = dataset(tables={"train": "train.csv", "test": "other.csv"})
    refused(published, settings, "test", tmp_path, "expected the file other.csv, found train.csv, validation.csv, test.csv")


def test_splits_of_one_table_by_a_column(tmp_path):
    rows = [(f"text {n}", n % 2, ("train", "test")[n % 3 == 0]) for n in range(12)]
    files = [csv_file(tmp_path / "a.csv", rows, ("text", "label", "split"))]
    tables = {name: {"file": "a.csv", "where": {"split": name}} for name in ("train", "test")}
    rows, counts = made(files, dataset(tables=tables), "test", tmp_path)
    assert [row["text"] for row in rows] == ["text 0", "text 3", "text 6", "text 9"]
    assert counts["read"] == 12


# rows that stand in two splits


def test_only_the_first_of_the_rows_that_are_kept_are_read(tmp_path):
    rows = [(f"text {number}", number % 2, "yes" if number >= 10 else "no") for number in range(100)]
    table = {"file": "a.csv", "where": {"kept": "yes"}, "first": 40}
    parts = all_parts([csv_file(tmp_path / "a.csv", rows, ("text", "label", "kept"))], dataset(tables={"all": table}), tmp_path)
    numbers = sorted(int(row["text"].split()[1]) for found, _ in parts.values() for row in found)
    assert numbers == list(range(10, 50))
    assert parts["test"][1]["read"] == 40


def test_rows_of_later_splits_are_left_out_of_earlier_ones_and_counted(tmp_path):
    own = {name: [(f"{name} {n}", 0) for n in range(4)] for name in SPLITS}
    in_all, in_two, twice = ("in all", 0), ("in the first two", 1), ("twice in testing", 1)
    tables = {
        "train": [in_all, *own["train"], in_two, in_two, (" twice in testing ", 0)],
        "validation": [*own["validation"], in_all, in_two],
        "test": [twice, in_all, twice, *own["test"]],
    }
    files = [csv_file(tmp_path / f"{name}.csv", rows) for name, rows in tables.items()]
    parts = all_parts(files, dataset(tables={name: f"{name}.csv" for name in SPLITS}), tmp_path)
    assert [row["text"] for row in parts["test"][0]] == [text for text, _ in tables["test"]]
    assert [row["text"] for row in parts["validation"][0]] == [*(text for text, _ in own["validation"]), in_two[0]]
    assert [row["text"] for row in parts["train"][0]] == [text for text, _ in own["train"]]
    assert [parts[name][1]["duplicates"] for name in SPLITS] == [4, 1, 0]
    assert [parts[name][1]["available"] for name in SPLITS] == [4, 5, 7]


def test_no_text_is_on_two_sides_of_drawn_splits(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [(f"text {n % 60}", n % 2) for n in range(200)])]
    parts = all_parts(files, dataset(tables={"all": "a.csv"}, draw={"test": 0.3, "validation": 0.2}), tmp_path)
    found = {name: {row["text"] for row in rows} for name, (rows, _) in parts.items()}
    assert not found["train"] & (found["validation"] | found["test"]) and not found["validation"] & found["test"]
    assert sum(counts["available"] for _, counts in parts.values()) == 200
    for rows, counts in parts.values():
        assert (counts["duplicates"], counts["near_duplicates"], counts["grouped"]) == (0, 0, len(rows))
        assert set(Counter(row["text"] for row in rows).values()) <= {3, 4}


def test_a_split_of_which_nothing_is_left(tmp_path):
    files = [csv_file(tmp_path / name, [("one", 0), ("two", 1)]) for name in ("a.csv", "b.csv")]
    settings = dataset(tables={"train": "a.csv", "validation": "b.csv", "test": "b.csv"})
    refused(files, settings, "train", tmp_path, "the train split is empty: 6 rows read, 0 bad, 2 duplicates of later splits")


# limits


def test_limits_keep_classes_in_proportion_and_the_order_of_rows(tmp_path):
    settings = dataset(tables={"all": "a.csv"}, limit={"train": 28, "validation": 999})
    parts = all_parts([hundred(tmp_path / "a.csv")], settings, tmp_path)
    rows, counts = parts["train"]
    assert Counter(row["label"] for row in rows) == {"good": 7, "bad": 21}
    assert (counts["rows"], counts["available"]) == (28, 70)
    numbers = [int(row["text"].split()[1]) for row in rows]
    assert numbers == sorted(numbers)
    assert [parts[name][1]["rows"] for name in ("validation", "test")] == [10, 20]


def test_the_limit_of_one_split_leaves_the_others_as_they_are(tmp_path):
    files = [hundred(tmp_path / "a.csv")]
    content = {}
    for train in (None, 10, 20):
        all_parts(files, dataset(tables={"all": "a.csv"}, limit={"train": train, "test": 5}), tmp_path)
        content[train] = {name: (tmp_path / "made" / f"{name}.parquet").read_bytes() for name in SPLITS}
    for name in ("validation", "test"):
        assert content[None][name] == content[10][name] == content[20][name]
    assert len({content[train]["train"] for train in content}) == 3


def test_a_smaller_limit_draws_from_a_larger_ones_rows(tmp_path):
    files = [hundred(tmp_path / "a.csv", goods=50)]
    drawn = [
        {row["text"] for row in made(files, dataset(tables={"all": "a.csv"}, limit={"train": size}), "train", tmp_path)[0]}
        for size in (10, 40)
    ]
    assert drawn[0] < drawn[1]


def test_the_same_files_and_settings_give_the_same_bytes(tmp_path):
    settings = dataset(tables={"all": "a.csv"}, limit={"train": 30})
    files = [hundred(tmp_path / "a.csv")]
    (tmp_path / "elsewhere").mkdir()
    moved = [hundred(tmp_path / "elsewhere" / "a.csv")]
    counts = [build(own, settings, "train", tmp_path / f"{n}.parquet") for n, own in enumerate([files, moved])]
    assert counts[0] == counts[1]
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "0.parquet") == CLASSIFICATION


# what becomes a text with a class


def test_columns_of_texts_and_labels(tmp_path):
    rows = [
        {"title": " One ", "body": {"text": "two\nlines"}, "stars": 1.0},
        {"title": None, "body": {"text": "b"}, "stars": 0},
    ]
    files = [jsonl_file(tmp_path / "a.jsonl", rows)]
    files.append(csv_file(tmp_path / "b.csv", [("c", " x ", "1 ")], ("title", "body.text", "stars")))
    settings = dataset(
        text=["title", "body.text"], label="stars", tables={"train": "a.jsonl", "validation": "b.csv", "test": "b.csv"}
    )
    found = made(files, settings, "train", tmp_path)[0]
    assert found == [{"text": "One two\nlines", "label": "good"}, {"text": "b", "label": "bad"}]
    assert made(files, settings, "test", tmp_path)[0] == [{"text": "c x", "label": "good"}]


def test_several_values_may_be_one_class_and_truth_values_are_keys(tmp_path):
    table = pa.table({"text": ["a", "b", "c"], "label": [True, False, True]})
    pq.write_table(table, tmp_path / "a.parquet")
    settings = dataset(labels={False: "no", True: "yes"}, tables={"test": "a.parquet"})
    assert [row["label"] for row in made([tmp_path / "a.parquet"], settings, "test", tmp_path)[0]] == ["yes", "no", "yes"]
    csv_file(tmp_path / "b.csv", [(f"text {stars}", stars) for stars in range(1, 6)])
    labels = {1: "low", 2: "low", 3: "middle", 4: "high", 5: "high"}
    rows, counts = made([tmp_path / "b.csv"], dataset(labels=labels, tables={"test": "b.csv"}), "test", tmp_path)
    assert counts["classes"] == {"low": 2, "middle": 1, "high": 2}


BAD_TEXTS = [
    ({"text": "", "label": "1"}, "column 'text': expected a text, found none"),
    ({"text": " \t\n", "label": "1"}, "column 'text': expected a text, found none"),
    ({"text": None, "label": "1"}, "column 'text': expected a text, found none"),
    ({"text": 7, "label": "1"}, "column 'text': expected a text, found 7"),
    ({"text": "half \ud83d", "label": "1"}, r"expected Unicode in its text, found '\\ud83d' alone"),
    ({"text": "a", "label": "2"}, "column 'label': expected one of '0', '1', found '2'"),
    ({"text": "a", "label": None}, "column 'label': expected one of '0', '1', found ''"),
    ({"text": "a", "label": 0.5}, "column 'label': expected one of '0', '1', found '0.5'"),
]


@pytest.mark.parametrize("row, told", BAD_TEXTS)
def test_a_bad_row_is_an_error_or_left_out(tmp_path, row, told):
    good = [{"text": "one", "label": "0"}, {"text": "two", "label": 1}]
    files = [jsonl_file(tmp_path / "a.jsonl", [good[0], row, good[1]])]
    settings = {"tables": {"test": "a.jsonl"}}
    found = refused(files, dataset(**settings), "test", tmp_path, told)
    assert found.startswith(f"{tmp_path / 'a.jsonl'}, line 2: ") and found.endswith("with the data set's `bad_rows: drop`")
    rows, counts = made(files, dataset(**settings, bad_rows="drop"), "test", tmp_path)
    assert rows == [{"text": "one", "label": "bad"}, {"text": "two", "label": "good"}]
    assert (counts["read"], counts["bad"], counts["rows"]) == (3, 1, 2)


@pytest.mark.parametrize(("bad", "share", "error"), [(2, 0, False), (3, 0.05, False), (4, 0.05, True), (4, 0.07, False)])
def test_more_bad_rows_than_a_share_are_an_error_but_two_never(tmp_path, bad, share, error):
    rows = [(f"text {n}", n % 2) for n in range(60 - bad)] + [("", 1)] * bad
    files = [csv_file(tmp_path / "a.csv", rows)]
    settings = dataset(tables={"test": "a.csv"}, bad_rows="drop", bad_share=share)
    if error:
        told = f"a.csv, line {62 - bad}: .* found none; `bad_rows: drop` would leave out 4 such rows of 60, .* at most 0.05"
        refused(files, settings, "test", tmp_path, told)
    else:
        assert made(files, settings, "test", tmp_path)[1]["bad"] == bad


def test_a_class_that_goes_with_the_bad_rows_is_an_error(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [(f"text {n}", "no" if n < 2 else "yes") for n in range(60)])]
    settings = dataset(labels={"None": "bad", "yes": "good"}, tables={"all": "a.csv"}, bad_rows="drop")
    refused(files, settings, "train", tmp_path, "line 2: .* found 'no'; without such rows none is left of the label 'None'")


def test_keys_that_rows_of_json_lack_make_bad_rows(tmp_path):
    files = [
        jsonl_file(
            tmp_path / "a.jsonl", [{"label": 0}, {"text": "one", "label": 0}, {"text": "two"}, {"text": "b", "label": 1}]
        )
    ]
    refused(
        files, dataset(tables={"test": "a.jsonl"}), "test", tmp_path, r"line 1: .* found none \(its keys are 'label'\); mend it"
    )
    rows, counts = made(files, dataset(tables={"test": "a.jsonl"}, bad_rows="drop"), "test", tmp_path)
    assert ([row["text"] for row in rows], counts["bad"]) == (["one", "b"], 2)


def test_what_is_wrong_with_a_file_is_an_error_whatever_becomes_of_rows(tmp_path):
    files = [tmp_path / "a.csv"]
    settings = dataset(tables={"test": "a.csv"}, bad_rows="drop")
    csv_file(files[0], [("one", 0)], ("text", "class"))
    refused(files, settings, "test", tmp_path, "a.csv, line 1: expected a column 'label'")
    files[0].write_text("text,label\none,0\ntwo\n")
    refused(files, settings, "test", tmp_path, "a.csv, line 3: expected 2 cells")


# what becomes a question with choices


def test_a_run_ends_with_what_was_left_out_of_the_parts_that_it_made(tmp_path):
    parts = {"a/train": (2, 0), "a/test": (2, 0), "b/train": (0, 0), "c/train": (1, 3)}
    for name, (bad, broken) in parts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.json").write_text(json.dumps({"bad": bad, "broken": broken, "read": 1200}))
    members = {name: Member(dataset(tables={"test": "a.csv"}), {}, name) for name in "abcd"}
    assert left_out(members, 0, tmp_path) == [
        "datasets.a: left out rows: 2 bad, of 1,200 read",
        "datasets.c: left out rows: 1 bad and 3 with broken references, of 1,200 read",
    ]
    assert left_out(members, (tmp_path / "a" / "train.json").stat().st_mtime + 1000, tmp_path) == []


# the program


def words(tmp_path, settings, part="test", name="a.csv"):
    spec = {"dataset": {key: value for key, value in settings.items() if key != "title"}, "part": part}
    outputs = ["--output", tmp_path / "out" / "test.parquet", "--stats", tmp_path / "out" / "test.json"]
    words = [CHECKOUT / "scripts" / "make_dataset.py", "--input", tmp_path / name, *outputs]
    words += ["--spec", json.dumps(spec), "--provenance", tmp_path / "provenance.json", "--inputs", tmp_path / name]
    return [str(word) for word in words]


def test_the_program_writes_a_part_and_what_it_counted(tmp_path, monkeypatch, capsys):
    hundred(tmp_path / "a.csv")
    settings = {**TEXTS, "tables": {"all": {"file": "a.csv"}}, "limit": {"test": 8}}
    monkeypatch.setattr(sys, "argv", words(tmp_path, settings))
    runpy.run_path(sys.argv[0], run_name="__main__")
    assert capsys.readouterr().out == (
        "8 rows of 20; 100 read, 0 bad, 0 equal to one of a later split, 0 near one; 0 with a duplicate in the same split\n"
    )
    assert json.loads((tmp_path / "out" / "test.json").read_text()) == {
        "available": 20, "bad": 0, "classes": {"bad": 6, "good": 2}, "duplicates": 0, "grouped": 0, "near_duplicates": 0,
        "read": 100, "rows": 8,
    }  # fmt: skip
    made([tmp_path / "a.csv"], dataset(tables=settings["tables"], limit=settings["limit"]), "test", tmp_path)
    assert (tmp_path / "out" / "test.parquet").read_bytes() == (tmp_path / "made" / "test.parquet").read_bytes()
    assert str(tmp_path / "a.csv") in json.loads((tmp_path / "provenance.json").read_text())["inputs"]


def test_a_table_of_a_head_alone_is_an_empty_split(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n")
    settings = dataset(tables=dict.fromkeys(("train", "validation", "test"), "a.csv"))
    refused([tmp_path / "a.csv"], settings, "test", tmp_path, "the test split is empty: 0 rows read")


def test_a_split_that_no_table_has(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [("one", 0), ("two", 1)])]
    refused(
        files,
        dataset(tables={"train": "a.csv"}),
        "test",
        tmp_path,
        "tables: expected a table of the test split, .* found train",
    )


def test_labels_with_line_ends_are_told_on_one_line(tmp_path):
    csv_file(tmp_path / "a.csv", [("one", 0), ("two", 3)])
    settings = dataset(labels={"0": "no", "a\nb": "yes"}, tables={"all": "a.csv"})
    refused([tmp_path / "a.csv"], settings, "test", tmp_path, r"expected one of '0', 'a\\nb', found '3'")


def test_the_program_ends_on_a_bad_row_with_status_1_and_one_sentence(tmp_path):
    csv_file(tmp_path / "a.csv", [("one", 0), ("two", 3)])
    settings = {**TEXTS, "tables": {"all": {"file": "a.csv"}}}
    done = subprocess.run([sys.executable, *words(tmp_path, settings)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: out, test: {tmp_path / 'a.csv'}, line 3: column 'label': expected one of '0', '1', found '3'; "
        "name it in `labels`, mend it, or leave such rows out with the data set's `bad_rows: drop`\n"
    )
    assert not (tmp_path / "out").exists() and not (tmp_path / "provenance.json").exists()
