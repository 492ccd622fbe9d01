"""A training on cards of two nodes: a signal ends it on both, and started again it has the losses of one process."""

from __future__ import annotations

import copy
import csv
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.training import SPEC, TrainingRun, make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "a corpus")


def made(corpus: Path, folder: Path) -> TrainingRun:
    spec = copy.deepcopy(SPEC)
    spec["architecture"]["dropout"] = 0.0  # which each process draws for itself
    return TrainingRun(folder, corpus, spec)


@dataclass
class Job:
    """The program as a job of Slurm on a card of each of two nodes."""

    slurm: dict[str, str]
    number: str

    def state(self) -> str:
        """How Slurm calls where it stands."""
        words = ["scontrol", "show", "job", "--oneliner", self.number]
        told = subprocess.run(words, env=self.slurm, capture_output=True, text=True, check=True).stdout
        return re.search(r"JobState=(\w+)", told)[1]

    def is_under_way(self) -> bool:
        return self.state() in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")

    def wait(self) -> None:
        """Wait for its end; ``sbatch --wait`` looks at it every half a minute."""
        while self.is_under_way():
            time.sleep(0.2)


def submit(slurm: dict[str, str], run: TrainingRun, said: Path) -> Job:
    program = [sys.executable, str(run.program), *run.words("--cards", "2", "--checkpoint-seconds", "0")]
    asked = ["--parsable", "--nodes=2", "--gpus=2", f"--output={said}", f"--wrap={shlex.join(program)}"]
    labelled = {"SLURM_LABELIO": "1"}  # what is said begins with the number of the node
    told = subprocess.run(["sbatch", *asked], env=slurm | labelled, capture_output=True, text=True, check=True)
    return Job(slurm, told.stdout.strip())


def history(run: TrainingRun) -> list[dict[str, str]]:
    return list(csv.DictReader((run.output / "history.csv").read_text().splitlines()))


def test_a_training_on_two_nodes_that_a_signal_ended_has_the_losses_of_one_process(slurm, corpus, tmp_path):
    alone, both = made(corpus, tmp_path / "alone"), made(corpus, tmp_path / "both")
    alone.finish()
    job = submit(slurm, both, tmp_path / "ended.txt")
    while not both.checkpoints():
        assert job.is_under_way(), (tmp_path / "ended.txt").read_text()
        time.sleep(0.05)
    subprocess.run(["scancel", "--signal=TERM", job.number], env=slurm, check=True)
    job.wait()
    said = (tmp_path / "ended.txt").read_text()
    assert said.count(": error: stopped at step ") == 1, said  # by all processes of both nodes, and said by one of them
    assert "Traceback" not in said
    assert not both.output.exists()
    job = submit(slurm, both, tmp_path / "finished.txt")
    job.wait()
    assert job.state() == "COMPLETED", (tmp_path / "finished.txt").read_text()
    assert set(both.files()) == set(alone.files())
    for row, expected in zip(history(both), history(alone), strict=True):
        for key in ("train_loss", "validation_loss"):
            assert row[key] == expected[key] == "" or float(row[key]) == pytest.approx(float(expected[key]), abs=1e-6)
    record = both.provenance()
    assert (record["processes"], record["attempts"]) == (2, 2)
