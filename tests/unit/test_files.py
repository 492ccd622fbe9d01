"""Files are whole or not there."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.runs import CHECKOUT, environment

from relab.assets.cache import default_folder
from relab.errors import UserError
from relab.files import (
    environment_folder,
    read_csv,
    replacing,
    require_columns,
    sha256,
    short_digest,
    write_csv,
    write_json,
    write_text,
)


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_gone_after_the_next(tmp_path):
    killed = (
        "import os, sys; from relab.files import replacing\nwith replacing(sys.argv[1]) as t: t.write_text('half'); os._exit(9)"
    )
    scripts = Path(__file__).resolve().parents[2] / "scripts"
    subprocess.run([sys.executable, "-c", killed, tmp_path / "a.txt"], env={"PYTHONPATH": str(scripts)})
    assert not (tmp_path / "a.txt").exists()
    assert len(list(tmp_path.iterdir())) == 1
    write_text(tmp_path / "a.txt", "whole")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_missing_folders_are_made_and_suffixes_kept(tmp_path):
    with replacing(tmp_path / "b" / "c" / "d.parquet") as temporary:
        assert temporary.suffix == ".parquet"
        temporary.write_bytes(b"x")
    assert (tmp_path / "b/c/d.parquet").read_bytes() == b"x"


def test_json_has_one_form_and_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "è"})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": "è",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "b.json", float("inf"))
    assert not (tmp_path / "b.json").exists()


def test_a_table_reads_back_with_texts_that_look_missing(tmp_path):
    frame = pd.DataFrame({"text": ["NA", "null", "a,b\n“c”"], "value": [1.5, None, 2.0]})
    write_csv(tmp_path / "t.csv", frame)
    back = read_csv(tmp_path / "t.csv")
    assert list(back["text"]) == list(frame["text"])
    assert pd.isna(back["value"][1])


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise UserError('config: no such key')", "error: config: no such key"),
        ("open('/nowhere/at/all')", "error: /nowhere/at/all: no such file or directory"),
        ("raise OSError(28, 'No space left on device', 'x.bin')", "error: the disk is full while writing x.bin"),
    ],
)
def test_a_program_ends_on_a_users_error_with_one_sentence_and_status_1(checkout, body, sentence):
    program = f"from relab.errors import UserError, run\ndef main():\n    {body}\nrun(main)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(checkout / "scripts")}
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(sentence)
    assert "Traceback" not in ended.stderr


def test_a_defect_of_ours_keeps_its_traceback(checkout):
    program = "from relab.errors import run\ndef main():\n    1 / 0\nrun(main)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(checkout / "scripts")}
    )
    assert ended.returncode == 1
    assert "ZeroDivisionError" in ended.stderr


def test_a_short_digest_is_of_a_file_or_of_a_text(tmp_path):
    (tmp_path / "a.txt").write_text("Ruth")
    assert short_digest(tmp_path / "a.txt") == short_digest("Ruth") == sha256(tmp_path / "a.txt")[:12]
    assert short_digest("Jonah") != short_digest("Ruth")


def test_a_missing_column_or_row_is_named():
    table = pd.DataFrame({"step": [], "loss": []})
    require_columns(table, ["loss", "step"], "a.csv:")
    with pytest.raises(UserError, match="^a.csv: no column 'seed'; expected the columns step, seed$"):
        require_columns(table, ["step", "seed"], "a.csv:")
    with pytest.raises(UserError, match="^the curves have no row$"):
        require_columns(table, ["step"], "the curves have", rows=True)


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("~/cache", "/home/me/cache"),
        ("$HOME/cache", "/home/me/cache"),
        ("${HOME}/cache", "/home/me/cache"),
        ("/data/cache", "/data/cache"),
        ("shared cache", f"{CHECKOUT}/shared cache"),
        ("", None),
    ],
)
def test_a_folder_of_the_environment_is_the_same_from_every_run(monkeypatch, tmp_path, value, folder):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("RELAB_CACHE", value)
    monkeypatch.chdir(tmp_path)
    assert environment_folder("RELAB_CACHE") == (folder and Path(folder))
    assert default_folder() == Path(folder or CHECKOUT / ".cache")


@pytest.mark.parametrize(("value", "reason"), [("$NOT_SET/x", "NOT_SET is not set"), ("~no-such-user/x", "~no-such-user is")])
def test_a_folder_of_the_environment_that_means_nothing_is_refused(monkeypatch, value, reason):
    monkeypatch.setenv("RELAB_CACHE", value)
    with pytest.raises(UserError, match=rf"^RELAB_CACHE: expected a folder, found .*: .*{reason}"):
        environment_folder("RELAB_CACHE")


def test_letters_that_a_terminal_lacks_are_question_marks_and_no_error():
    code = "from relab.errors import run; import sys; run(lambda: print('a 漢 b') or print('é', file=sys.stderr))"
    variables = environment(PYTHONIOENCODING="ascii", PYTHONPATH=f"{CHECKOUT}/scripts")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=variables)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"a ? b\n", b"?\n")


def test_a_carriage_return_in_a_text_ends_no_line_of_a_table(tmp_path):
    """A language model writes what it likes; the page reads the file by the csv module, its readers with what they have."""
    write_csv(tmp_path / "t.csv", pd.DataFrame({"text": ["a\rb", "c", None], "value": [1.0, np.nan, 2.5], "count": [1, 2, 3]}))
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["text", "value", "count"], ["a\rb", "1.0", "1"], ["c", "", "2"], ["", "2.5", "3"]]
    back = read_csv(tmp_path / "t.csv")
    assert back["text"].tolist()[:2] == ["a\rb", "c"] and back["text"].isna().tolist() == [False, False, True]
