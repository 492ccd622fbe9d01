"""The program that makes a corpus: its outputs, its record, mistakes of a user."""

from __future__ import annotations

import json

from support.runs import run_job

from relab.corpora import statistics
from relab.files import sha256

GRAMMAR = {"kind": "grammar", "symbols": {"sentence": {"{who} sings.": 3, "I sing.": 1}, "who": ["He", "She"]}, "number": 40}
LAST = {"by": "last", "validation": 0.1}


def run_program(checkout, folder, spec, *inputs):
    outputs = {name: folder / name for name in ("train.parquet", "validation.parquet", "stats.json")}
    words = ["--input", *inputs, "--train", outputs["train.parquet"]]
    words += ["--validation", outputs["validation.parquet"], "--stats", outputs["stats.json"], "--spec", json.dumps(spec)]
    words += ["--provenance", folder / "train.parquet.provenance.json", "--inputs", *inputs]
    return run_job(checkout / "scripts/clean_corpus.py", *words)


SPEC = {"title": "T", "asset": "a", "reader": {"kind": "text", "document": "paragraph"}}


def test_the_program_writes_all_its_outputs(checkout, tmp_path):
    source = checkout / "tests/data/ruth_jonah_philemon.it.txt"
    folder = tmp_path / "a folder"
    done = run_program(checkout, folder, SPEC, source)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "stats.json",
        "train.parquet",
        "train.parquet.provenance.json",
        "validation.parquet",
    ]
    stats = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
    assert f"{stats['documents']['kept']} documents of" in done.stdout
    record = json.loads((folder / "train.parquet.provenance.json").read_text(encoding="utf-8"))
    assert record["inputs"] == {source.relative_to(checkout).as_posix(): sha256(source)} and len(record["outputs"]) == 3
    assert statistics.table_row(stats)["documents"] == stats["documents"]["kept"]


def test_the_program_ends_on_a_users_mistake_with_one_sentence(checkout, tmp_path):
    source = tmp_path / "text.txt"
    source.write_bytes(b"perch\xe9\n")
    done = run_program(checkout, tmp_path / "out", SPEC, source)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {source}, line 1, byte 5: expected text in UTF-8") and done.stderr.count("\n") == 1
    done = run_program(checkout, tmp_path / "out", SPEC | {"clean": {"fold": True}}, source)
    assert "clean.fold: unknown key" in done.stderr and "Traceback" not in done.stderr
    done = run_program(checkout, tmp_path / "out", SPEC, tmp_path / "missing.txt")
    assert done.stderr == f"error: {tmp_path / 'missing.txt'}: no such file or directory\n"


def test_the_program_draws_sentences_without_inputs(checkout, tmp_path):
    spec = {"reader": GRAMMAR, "duplicates": "keep", "split": LAST}
    done = run_program(checkout, tmp_path / "out", spec)
    assert done.returncode == 0, done.stderr
    assert "40 documents of 40" in done.stdout
    assert json.loads((tmp_path / "out/train.parquet.provenance.json").read_text(encoding="utf-8"))["inputs"] == {}
    done = run_program(checkout, tmp_path / "more", spec, checkout / "README.md")
    assert done.stderr == "error: --input: expected no file with `reader.kind: grammar`, found 1\n"
    done = run_program(checkout, tmp_path / "more", SPEC)
    assert done.stderr == "error: --input: expected the files that hold the text with `reader.kind: text`, found 0\n"
