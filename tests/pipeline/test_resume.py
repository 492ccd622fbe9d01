"""Training jobs that are killed, stopped, robbed of a checkpoint or of the disk end in the same files as an unbroken one."""

from __future__ import annotations

import copy
import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.runs import environment
from support.training import PROGRAM, SPEC, TrainingRun, make_corpus

STOPPED = "of 40 by {name}; the same command goes on from there"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("resume") / "a corpus")


@pytest.fixture(scope="module")
def unbroken(corpus, tmp_path_factory) -> dict[str, bytes]:
    """The files of a run that nothing disturbs, by the command that Snakemake prints; no checkpoint but the last."""
    run = TrainingRun(tmp_path_factory.mktemp("unbroken") / "a run", corpus)
    command = [sys.executable, str(PROGRAM), *run.words()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    assert run.provenance()["attempts"] == 1
    assert "step 40 of 40" in run.log(1)
    assert not run.checkpoints(), "checkpoints go when the run has succeeded"
    return run.files()


@pytest.fixture
def run(corpus, tmp_path) -> TrainingRun:
    return TrainingRun(tmp_path / "a run", corpus)


def kill(run: TrainingRun, step: int) -> None:
    """Kill a run at some moment after the checkpoint of a step."""
    with run.attempt() as attempt:
        attempt.until_step(step)
        attempt.send(signal.SIGKILL)
        assert attempt.wait() == -signal.SIGKILL


def test_the_files_of_a_model(unbroken):
    assert set(unbroken) == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("last/config.json", "last/generation_config.json", "last/model.safetensors"),
        *("history.csv", "losses.parquet", "samples.jsonl"),
    }


@pytest.mark.parametrize("step", [0, 15, 39])
def test_killed_at_a_step(run, unbroken, step):
    kill(run, step)
    assert not run.output.exists(), "nothing is written before the end"
    run.finish("--code", "def")
    assert run.files() == unbroken
    told = run.provenance()
    assert told["attempts"] == 2
    assert [(one["attempt"], one["code"]) for one in told["segments"]] == [(1, "abc"), (2, "def")], "the code differed"
    assert told["segments"][1]["from_step"] >= step


def test_killed_while_it_reads_documents_and_lowers_its_rate_on_plateaus(tmp_path):
    """As stories are learnt; a rate that forgot the plateaus before the kill would be higher after it."""
    spec = copy.deepcopy(SPEC)
    spec["training"] |= {"reading": "documents", "learning_rate": 0.3, "schedule": {"kind": "plateau", "patience": 0}}
    words = make_corpus(tmp_path / "words", separator=" ")
    unbroken, killed = (TrainingRun(tmp_path / name, words, spec) for name in ("unbroken", "killed"))
    unbroken.finish()
    rates = list(csv.DictReader((unbroken.output / "history.csv").read_text().splitlines()))
    assert float(rates[-1]["learning_rate"]) < float(rates[0]["learning_rate"])
    kill(killed, 15)
    killed.finish()
    assert killed.files() == unbroken.files()
    assert killed.provenance()["segments"][1]["from_step"] >= 15


def test_killed_before_there_is_a_checkpoint(run, unbroken):
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: list(run.state.glob("*/attempt-001.log")))
        attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken
    assert run.provenance()["attempts"] == 2


def test_killed_while_the_outputs_are_written(run, unbroken):
    with run.attempt() as attempt:
        attempt.until(run.output.exists)
        attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken


def test_killed_again_and_again_at_random_moments(run, unbroken):
    moments = random.Random(0)
    for number in range(1, 7):
        with run.attempt() as attempt:
            attempt.until(lambda number=number: list(run.state.glob(f"*/attempt-{number:03d}.log")) or run.output.exists())
            time.sleep(moments.uniform(0, 0.3))
            attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_makes_it_save_and_leave(run, unbroken, name):
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: "step 7 of 40" in attempt.errors())
        attempt.send(signal.Signals[name])
        assert attempt.wait() == 1
    assert attempt.errors().splitlines()[-1].startswith("error: stopped at step ")
    assert attempt.errors().endswith(STOPPED.format(name=name) + "\n")
    assert STOPPED.format(name=name) in run.log(1), "the attempt's own log tells how it ended"
    (checkpoint,) = run.checkpoints()
    assert f"stopped at step {int(checkpoint.name.split('-')[1])} " in attempt.errors()
    assert not run.output.exists()
    run.finish()
    assert run.files() == unbroken
    assert run.provenance()["attempts"] == 2


def test_a_second_signal_does_not_disturb_the_first(run):
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: "step 7 of 40" in attempt.errors())
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            attempt.send(name)
        assert attempt.wait() == 1
    assert len(run.checkpoints()) == 1
    assert "Traceback" not in attempt.errors()


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [spoil, truncate])
def test_a_damaged_checkpoint_is_found_out_and_the_one_before_used(run, unbroken, damage):
    kill(run, 20)
    *_, before, last = run.checkpoints()  # three where the third was about to be removed
    damage(last)
    run.finish()
    assert f"{last.name} is damaged" in run.log(2)
    assert run.provenance()["segments"][1]["from_step"] == int(before.name.split("-")[1])
    assert run.files() == unbroken


def test_without_any_whole_checkpoint_it_starts_anew_and_says_so(run, unbroken):
    kill(run, 20)
    for path in run.checkpoints():
        truncate(path)
    run.finish()
    assert "no whole checkpoint is left: the training starts anew" in run.log(2)
    assert "starts at step 0" in run.log(2)
    assert run.files() == unbroken


def test_a_changed_setting_never_continues_an_old_run(run, unbroken):
    kill(run, 20)
    spec = copy.deepcopy(SPEC)
    spec["training"]["learning_rate"] = 0.02
    other = TrainingRun(run.folder, run.corpus, spec)
    other.finish()
    assert other.provenance()["attempts"] == 1
    assert other.files()["history.csv"] != unbroken["history.csv"]
    run.finish()
    assert run.files() == unbroken
    assert run.provenance()["attempts"] == 2


def test_two_processes_do_not_share_a_state(run):
    with run.attempt() as first:
        first.until_step(1)
        first.send(signal.SIGSTOP)
        with run.attempt() as second:
            assert second.wait() == 1
        first.send(signal.SIGCONT)
        assert first.wait() == 0
    (sentence,) = second.errors().splitlines()
    assert sentence.startswith("error: ")
    assert sentence.endswith("another process is at work on this model; wait for it to end, or stop it")


def test_where_a_file_cannot_be_written_the_checkpoint_before_stays(run, unbroken):
    kill(run, 20)
    before = run.checkpoints()
    with run.attempt(file_limit=before[-1].stat().st_size // 2) as attempt:
        assert attempt.wait() != 0
    assert run.checkpoints() == before
    assert not list(run.state.rglob(".*.safetensors")), "nothing half-written is left"
    assert not run.output.exists()
    run.finish()
    assert run.files() == unbroken


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of so many kilobytes, or changes its size."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs takes root on Linux")

    def mount(kilobytes: int) -> Path:
        option = f"{'remount,' if os.path.ismount(folder) else ''}size={kilobytes}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_under_the_outputs(small_disk, corpus, tmp_path, unbroken):
    run = TrainingRun(tmp_path / "a run", corpus, output=small_disk(40) / "ruth")
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        assert attempt.wait() == 1
    assert "Traceback" not in attempt.errors()
    assert attempt.errors().splitlines()[-1].startswith("error: the disk is full while writing ")
    assert all(content == unbroken[name] for name, content in run.files().items()), "nothing half-written is left"
    (checkpoint,) = run.checkpoints()
    assert checkpoint.name.startswith("checkpoint-000000040-")
    small_disk(4000)
    run.finish()
    assert run.files() == unbroken
    assert "goes on from step 40 of 40" in run.log(2), "only the outputs are written"
    assert run.provenance()["attempts"] == 2


def test_a_full_disk_under_the_state(small_disk, corpus, tmp_path, unbroken):
    run = TrainingRun(tmp_path / "a run", corpus, state=small_disk(300) / "state")
    with run.attempt() as attempt:
        assert attempt.wait() == 1
    assert "Traceback" not in attempt.errors()
    assert attempt.errors().splitlines()[-1].startswith("error: the disk is full while writing ")
    assert run.checkpoints(), "those before stay"
    assert not list(run.state.rglob(".*.safetensors")), "nothing half-written is left"
    assert not run.output.exists()
    small_disk(4000)
    run.finish()
    assert run.files() == unbroken
