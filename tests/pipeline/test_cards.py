"""A training job of two cards: a process for each, the same losses, one sentence at its end."""

from __future__ import annotations

import copy
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.runs import environment
from support.training import SPEC, TrainingRun, make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "a corpus")


def made(corpus: Path, folder: Path) -> TrainingRun:
    spec = copy.deepcopy(SPEC)
    spec["architecture"]["dropout"] = 0.0  # which each process draws for itself
    spec["training"]["steps"] = 40
    return TrainingRun(folder, corpus, spec)


@contextmanager
def on_two_cards(run: TrainingRun) -> Iterator[subprocess.Popen]:
    """The program with a process for each of two cards; what is left of them is killed in the end."""
    command = [sys.executable, str(run.program), *run.words("--cards", "2", "--checkpoint-seconds", "0")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(run: TrainingRun, step: int) -> None:
    end = time.monotonic() + 120
    while not any(int(path.name.split("-")[1]) >= step for path in run.checkpoints()):
        assert time.monotonic() < end, "no checkpoint was written"
        time.sleep(0.01)


def the_error(written: str) -> str:
    """The one sentence on an error, which is the last line that the processes have written."""
    *before, last = written.splitlines()
    assert not any(line.startswith(("error: ", "Traceback")) for line in before), written
    return last.removeprefix("error: ")


def history(run: TrainingRun) -> list[dict[str, str]]:
    return list(csv.DictReader((run.output / "history.csv").read_text().splitlines()))


def test_a_signal_makes_all_processes_save_and_leave_and_the_same_command_goes_on_to_the_losses_of_one(corpus, tmp_path):
    alone, both = made(corpus, tmp_path / "alone"), made(corpus, tmp_path / "both")
    alone.finish()
    with on_two_cards(both) as process:
        wait_for(both, 8)
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert the_error(errors).startswith("stopped at step ")
    assert not both.output.exists()
    with on_two_cards(both) as process:
        errors = process.communicate(timeout=200)[1]
    assert process.returncode == 0, errors
    assert set(both.files()) == set(alone.files())
    for row, expected in zip(history(both), history(alone), strict=True):
        for key in ("train_loss", "validation_loss"):
            assert row[key] == expected[key] == "" or float(row[key]) == pytest.approx(float(expected[key]), abs=1e-6)
    record = both.provenance()
    assert (record["processes"], record["attempts"], record["precision"]) == (2, 2, "float32")
