"""Interruptions of a whole run: nothing is lost, nothing is wrongly taken for complete, and the end is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.long_training import LOG, MODEL, TARGET, interruptible
from support.runs import TINY, copy_tree, environment, fork_server, job_counts, run_snakemake

from relab.files import sha256


@pytest.fixture
def unfinished(moved_checkout) -> Path:
    return interruptible(moved_checkout)


@pytest.fixture(scope="module")
def unbroken(tiny_checkout, tmp_path_factory) -> Path:
    """Where the same training was never interrupted."""
    whole = tmp_path_factory.mktemp("unbroken") / "run"
    copy_tree(tiny_checkout, whole)
    finish(interruptible(whole))
    return whole


def start(checkout: Path, **variables: str) -> subprocess.Popen:
    """Snakemake on one model in a process group of its own, as a terminal starts it."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *TINY, "--", TARGET]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=checkout, env=environment(**variables), start_new_session=True, **silent)


def wait_until_training(checkout: Path, running: subprocess.Popen) -> None:
    """Wait until the training job has taken its first steps: its log tells of the evaluation at step 0."""
    log = checkout / LOG
    for _ in range(1200):
        assert running.poll() is None, "Snakemake ended before the job trained"
        if log.exists() and "step 0" in log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError("the job did not start to train within two minutes")


def children(pid: int) -> list[int]:
    import psutil

    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


def finish(checkout: Path) -> None:
    words = ("--cores", "1", "--rerun-incomplete", *TINY, "--", TARGET)
    done = run_snakemake(checkout, *words, checkout=checkout, forked=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "forks"),
    [
        ("SIGKILL of Snakemake and its jobs", True),
        ("SIGKILL of the job", True),
        ("SIGTERM of the job", True),
        ("Ctrl-C", True),
        ("Ctrl-C", False),
    ],
)
def test_an_interrupted_run_goes_on_and_ends_the_same(unfinished, unbroken, name, forks):
    running = start(unfinished, **(fork_server() if forks else {}))
    wait_until_training(unfinished, running)
    if name == "Ctrl-C":
        os.killpg(running.pid, signal.SIGINT)
    elif "Snakemake" in name:
        processes = children(running.pid)
        running.kill()
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
    else:
        job = children(running.pid)[-1]
        os.kill(job, signal.SIGKILL if "KILL" in name else signal.SIGTERM)
    running.wait(timeout=120)
    assert running.returncode != 0
    assert not (unfinished / TARGET).exists(), "a stopped job must not leave its output behind"
    if name in ("SIGTERM of the job", "Ctrl-C"):
        assert list((unfinished / "state").glob("italian-w8-s0-*/*")), "asked to stop, a job saves first"

    if "of Snakemake" in name:
        locked = run_snakemake(unfinished, "--unlock", *TINY, checkout=unfinished)
        assert locked.returncode == 0, locked.stderr
    finish(unfinished)
    for file in ("model.safetensors", "last/model.safetensors", "history.csv", "losses.parquet", "samples.jsonl"):
        assert sha256(unfinished / MODEL / file) == sha256(unbroken / MODEL / file), file


def test_a_run_in_another_folder_goes_on_where_progress_is_shared(unfinished, unbroken, tmp_path):
    """As on the node that takes up the job of a lost one."""
    progress = {"RELAB_STATE": str(tmp_path / "progress")}
    running = start(unfinished, **progress)
    wait_until_training(unfinished, running)
    os.kill(children(running.pid)[-1], signal.SIGTERM)
    running.wait(timeout=120)
    assert list((tmp_path / "progress").glob("italian-w8-s0-*/checkpoint-*")) and not (unfinished / "state").exists()
    second = tmp_path / "second"
    done = run_snakemake(second, "--cores", "1", *TINY, "--", TARGET, checkout=unfinished, forked=True, **progress)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((second / f"{TARGET}.provenance.json").read_text())["attempts"] == 2
    assert not list((tmp_path / "progress").glob("*/checkpoint-*")) and not (second / "state").exists()
    for file in ("model.safetensors", "history.csv"):
        assert sha256(second / MODEL / file) == sha256(unbroken / MODEL / file), file


def test_a_finished_file_survives_the_interruption_of_another(unfinished):
    """Only the stopped job runs again; what was finished before it stays finished."""
    running = start(unfinished)
    wait_until_training(unfinished, running)
    os.killpg(running.pid, signal.SIGTERM)
    running.wait(timeout=120)
    planned = job_counts(run_snakemake(unfinished, "-n", "--quiet", "rules", *TINY, "--", TARGET, checkout=unfinished))
    assert planned == {"train_model": 1}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes; needs the right to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this machine does not let us mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_a_sentence_and_the_next_attempt_completes(moved_checkout, small_disk):
    """The run's folder lies on a disk that fills up while a model is written."""
    run = small_disk / "run"
    results = run / "results"
    results.mkdir(parents=True)
    for part in ("assets", "corpora", "tokenizers", "tokens"):
        shutil.copytree(moved_checkout / "results" / part, results / part, symlinks=True)
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"x" * max(free - 150_000, 0))
    words = ("--cores", "1", "--show-failed-logs", *TINY, "--", "results/models/english-w8-s0/model.safetensors")
    ended = run_snakemake(run, *words, checkout=moved_checkout, forked=True)
    told = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert not (run / "results/models/english-w8-s0/model.safetensors").exists()
    assert "full" in told or "No space left" in told, told
    ballast.unlink()
    done = run_snakemake(run, "--rerun-incomplete", *words, checkout=moved_checkout, forked=True)
    assert done.returncode == 0, done.stdout + done.stderr
