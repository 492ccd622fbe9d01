"""Runs without a shared disk: files in a storage, jobs on nodes that have nothing but what Snakemake hands them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.runs import TINY, copy_checkout, nodes_plugin, run_snakemake

from relab.files import sha256

#: A training, an adapter of a published model, texts that are sampled, jobs of three kinds of rows.
ROWS = "report: {rows: [E4, C4]}"
#: What is measured, and so is not the same twice.
MEASURED = ("speed.csv", ".html")
#: Keys of a record that are measured, too.
VARYING = ("started", "wall_seconds", "peak_memory_mib", "outputs")
#: What is of the report as a whole, and so depends on which rows it shows.
WHOLE = ("results/tables/overview/", "results/report.html")


@pytest.fixture(autouse=True)
def rsync() -> None:
    if shutil.which("rsync") is None:
        pytest.skip("no rsync on the path, which the storage fs calls (Debian: apt-get install rsync)")


def storage(folder: Path) -> list[str]:
    return ["--default-storage-provider", "fs", "--default-storage-prefix", str(folder)]


def made(folder: Path) -> dict[str, Path]:
    """The files of a run but for what is told of its jobs, by their names in it."""
    paths = {path.relative_to(folder).as_posix(): path for path in (folder / "results").rglob("*") if path.is_file()}
    return {name: path for name, path in paths.items() if not name.startswith(("results/logs/", "results/benchmarks/"))}


def differing(a: Path, b: Path) -> list[str]:
    """The files of a run, but for those of the report as a whole, that are not the same in another run."""
    names = [name for name in made(a) if not name.startswith(WHOLE) and not name.endswith(MEASURED)]
    assert len(names) > 70
    records = [name for name in names if name.endswith(".provenance.json")]
    plain = sorted(set(names) - set(records))
    return [name for name in plain if sha256(a / name) != sha256(b / name)] + [
        name for name in records if record(a / name) != record(b / name)
    ]


def record(path: Path) -> dict:
    entry = json.loads(path.read_text(encoding="utf-8"))
    return {**{key: value for key, value in entry.items() if key not in VARYING}, "names": sorted(entry["outputs"])}


def test_a_run_in_a_storage_is_the_same_run(tiny_checkout, tmp_path):
    """Its files are those of a run on a disk, and as one it goes on, with the same page."""
    (tmp_path / "rows.yaml").write_text(ROWS)
    words = ("--cores", "2", *TINY, str(tmp_path / "rows.yaml"))
    stored = run_snakemake(tmp_path / "run", *words, *storage(tmp_path / "store"), checkout=tiny_checkout, forked=True)
    assert stored.returncode == 0, stored.stdout + stored.stderr
    assert not (tmp_path / "run/results").exists()
    assert differing(tmp_path / "store", tiny_checkout) == []

    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    page = tmp_path / "copy/results/report.html"
    page.unlink()
    done = run_snakemake(tmp_path / "copy", *words, checkout=tiny_checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"^(?:local)?rule (\w+):$", done.stdout + done.stderr, re.M)) == {"build_report", "report"}
    assert page.read_text(encoding="utf-8") == (tmp_path / "store/results/report.html").read_text(encoding="utf-8")


#: A LoRA adapter of a published model, on the tokens of a corpus.
ADAPTER = "results/models/books/adapter_model.safetensors"


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_jobs_on_nodes_without_a_disk_of_ours_train_the_same(tiny_checkout, tmp_path):
    """The profile for Kubernetes, but that nodes are folders here: sources, settings, commit and progress reach them."""
    clone = tmp_path / "clone"
    copy_checkout(clone)
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "a commit")):
        git(clone, *words)
    profile = ["--profile", "profiles/kubernetes", "--executor", "nodes", "--seconds-between-status-checks", "1"]
    variables = {**nodes_plugin(), "RELAB_STATE": str(tmp_path / "progress")}
    done = run_snakemake(clone, *profile, *storage(tmp_path / "store"), *TINY, "--", ADAPTER, checkout=clone, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = tmp_path / "store"
    trained = json.loads((stored / f"{ADAPTER}.provenance.json").read_text(encoding="utf-8"))
    assert (trained["commit"], trained["dirty"]) == (git(clone, "rev-parse", "HEAD"), False)
    assert {name for name in trained["outputs"] if sha256(stored / name) != sha256(tiny_checkout / name)} <= {
        name for name in trained["outputs"] if name.endswith(MEASURED)
    }
    assert list((tmp_path / "progress").glob("books-*/attempt-001.log"))
    assert not (clone / "results").exists() and not (clone / "state").exists()
