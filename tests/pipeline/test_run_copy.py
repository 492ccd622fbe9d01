"""A run as a copy of another one: it takes no space, has nothing to do, and what it makes anew the other one keeps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.runs import TINY, run_relab, run_snakemake

from relab.files import sha256
from relab.run_copy import copy_run

#: A file of the user's, a corpus of it, its characters, its tokens, and a model that is trained on them.
TARGET = "results/models/english-w4-s0/model.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("first run")
    made = run_snakemake(folder, "--cores", "2", *TINY, "--", TARGET, forked=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time stamp of every result of a run."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (sha256(path), path.lstat().st_mtime_ns) for path in files}


def linked(a: Path, b: Path) -> set[str]:
    """The results that are one file on the disk."""
    return {name for name in state(a) if (b / name).exists() and os.path.samestat((a / name).lstat(), (b / name).lstat())}


def copied(a: Path, b: Path) -> Path:
    done = run_relab("run", "copy", a, b)
    assert done.returncode == 0, done.stderr
    return b


def test_a_copy_takes_no_space_and_has_nothing_to_do(finished, tmp_path):
    copy = copied(finished, tmp_path / "runs/second")
    assert state(copy) == state(finished)
    alone = {
        name for name in state(finished) if not name.startswith(("results/logs/", "results/benchmarks/", "results/assets/"))
    }
    assert alone <= linked(finished, copy)
    planned = run_snakemake(copy, "-n", *TINY, "--", TARGET)
    assert "Nothing to be done" in planned.stdout + planned.stderr


def test_what_a_copy_makes_anew_the_first_run_keeps(finished, tmp_path):
    """All jobs run again, one of them with other settings."""
    before, copy = state(finished), copied(finished, tmp_path / "second")
    changed = ["--config", "models={char_gpt: {training: {learning_rate: 0.02}}}"]
    made = run_snakemake(copy, "--cores", "2", "--forceall", *TINY, *changed, "--", TARGET, forked=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert state(finished) == before and state(copy)[TARGET][0] != before[TARGET][0]
    assert linked(finished, copy) == set()


def test_links_to_files_elsewhere_still_lead_there(tmp_path):
    """The cache lies in the checkout, to which the links of its own run are relative."""
    for folder in (".cache", "results/assets/poem", ".snakemake/metadata"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".cache/poem.txt").write_text("a poem")
    (tmp_path / "results/assets/poem/poem.txt").symlink_to("../../../.cache/poem.txt")
    copy = copied(tmp_path, tmp_path / "runs/second") / "results/assets/poem/poem.txt"
    assert not os.path.isabs(os.readlink(copy)) and copy.read_text() == "a poem"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ([], "expected the folder of a run"),
        (["a/results", "a/.snakemake/locks/0.input.lock"], "Snakemake is at work in this run"),
        (["a/results", "a/.snakemake/metadata", "b/results"], "expected a folder without results of a run, found results"),
    ],
)
def test_what_cannot_be_copied_is_told_and_nothing_is_written(tmp_path, made, told):
    for folder in made:
        (tmp_path / folder).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    refused = run_relab("run", "copy", tmp_path / "a", tmp_path / "b")
    assert refused.returncode == 1 and told in refused.stderr and refused.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupted_copy_is_no_run(finished, tmp_path, monkeypatch):
    def full_disk(*paths: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full_disk)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        copy_run(finished, tmp_path / "second")
    assert list((tmp_path / "second").iterdir()) == []
