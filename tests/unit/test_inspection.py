"""relab check: what a file is, and an overlay that reads it."""

from __future__ import annotations

import json

import pytest
from support.overlays import overlay_of_check

from relab.assets import local
from relab.errors import UserError
from relab.folder_inspection import inspect_folder
from relab.inspection import inspect
from relab.settings.assets import Fetched
from relab.tabular import read_rows

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
    ("splits", "shards", "tables"),
    [
        (None, 1, {"all": "saved.arrow"}),
        (None, 2, {"all": "saved.zip"}),
        (["train", "valid"], 1, {"train": "train.arrow", "test": "valid.arrow"}),
        (["train", "dev", "test"], 2, {"train": "train.zip", "validation": "dev.zip", "test": "test.zip"}),
    ],
)
def test_what_datasets_saved_is_read_by_its_overlay(tmp_path, splits, shards, tables):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    split = datasets.Dataset.from_dict({"text": [f"text {n}" for n in range(9)], "label": [n % 2 for n in range(9)]}, features)
    for number in (3, shards):  # shards of an earlier saving stay beside the later ones
        saved = datasets.DatasetDict(dict.fromkeys(splits, split)) if splits else split
        saved.save_to_disk(tmp_path / "saved", num_shards=dict.fromkeys(splits, number) if splits else number)
    overlay = inspect_folder(tmp_path / "saved").overlay()
    (dataset,), (asset,) = overlay["datasets"].values(), overlay["assets"].values()
    assert {name: table["file"] for name, table in dataset["tables"].items()} == tables
    assert (dataset["text"], dataset["label"], dataset["labels"]) == ("text", "label", {"0": "no", "1": "yes"})
    fetched = Fetched.model_validate({key: asset[key] for key in ("files", "sources")})
    for file in asset["files"]:
        path = local.resolve(fetched.sources[0], fetched, "saved", file, tmp_path).path
        assert [row["text"] for _, row in read_rows(path, ["text", "label"])] == split["text"]


def test_a_folder_that_is_nothing_known_is_told_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="is a folder, expected a file, what save_to_disk"):
        inspect_folder(tmp_path)
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(UserError, match="state.json: expected `_data_files`"):
        inspect_folder(tmp_path)


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
