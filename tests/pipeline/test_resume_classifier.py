"""Fine-tuning a classifier that is killed, stopped or robbed of a checkpoint ends in the same files as an unbroken run."""

from __future__ import annotations

import copy
import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.classifiers import LORA, SPEC, STEPS, ClassifierRun, make_models

SPECS = {"full": SPEC, "lora": {**SPEC, "adaptation": LORA}, "random": {**SPEC, "pretrained": False}}
STOPPED = f"of {STEPS} by {{name}}; the same command goes on from there"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_models(tmp_path_factory.mktemp("classifiers") / "a folder")


@pytest.fixture(scope="module")
def unbroken(corpus, tmp_path_factory) -> dict[str, dict[str, bytes]]:
    """The files of runs that nothing disturbs."""
    found = {}
    for kind, spec in SPECS.items():
        run = ClassifierRun(tmp_path_factory.mktemp("unbroken") / kind, corpus, spec)
        with run.attempt("--checkpoint-seconds", "1000") as attempt:
            assert attempt.wait() == 0, attempt.errors()
        assert run.provenance()["attempts"] == 1
        assert not run.checkpoints(), "checkpoints go when the run has succeeded"
        found[kind] = run.files()
    return found


@pytest.fixture
def run(corpus, tmp_path) -> ClassifierRun:
    return ClassifierRun(tmp_path / "a run", corpus, copy.deepcopy(SPEC))


def kill(run: ClassifierRun, step: int) -> None:
    with run.attempt() as attempt:
        attempt.until_step(step)
        attempt.send(signal.SIGKILL)
        assert attempt.wait() == -signal.SIGKILL


def test_the_files_of_a_classifier(unbroken):
    both = {"config.json", "tokenizer.json", "tokenizer_config.json", "history.csv", "texts.csv", "predictions.parquet"}
    assert set(unbroken["full"]) == {*both, "model.safetensors"}
    assert set(unbroken["lora"]) == {*both, "adapter_config.json", "adapter_model.safetensors"}
    assert unbroken["full"]["model.safetensors"] != unbroken["random"]["model.safetensors"]


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("step", [1, 20, 41])
def test_killed_at_a_step(corpus, tmp_path, unbroken, kind, step):
    run = ClassifierRun(tmp_path / "a run", corpus, SPECS[kind])
    kill(run, step)
    assert not run.output.exists(), "nothing is written before the end"
    run.finish("--code", "def")
    assert run.files() == unbroken[kind]
    told = run.provenance()
    assert told["attempts"] == 2
    assert [(one["attempt"], one["code"]) for one in told["segments"]] == [(1, "abc"), (2, "def")]
    assert told["segments"][1]["from_step"] >= step
    assert not list(run.state.glob("*/trainer")), "no litter"


def test_killed_again_and_again_at_random_moments(run, unbroken):
    moments = random.Random(1)
    for number in range(1, 6):
        with run.attempt() as attempt:
            attempt.until(lambda number=number: list(run.state.glob(f"*/attempt-{number:03d}.log")) or run.output.exists())
            time.sleep(moments.uniform(0, 0.6))
            attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken["full"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_makes_it_save_and_leave(run, unbroken, name):
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: f"step 7 of {STEPS}" in attempt.errors())
        attempt.send(signal.Signals[name])
        assert attempt.wait() == 1
    assert attempt.errors().splitlines()[-1].startswith("error: stopped at step ")
    assert attempt.errors().endswith(STOPPED.format(name=name) + "\n")
    assert STOPPED.format(name=name) in run.log(1), "the attempt's own log tells how it ended"
    (checkpoint,) = run.checkpoints()
    assert f"stopped at step {int(checkpoint.name.split('-')[1])} " in attempt.errors()
    assert "Traceback" not in attempt.errors()
    run.finish()
    assert run.files() == unbroken["full"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.pt", "progress.json"])
def test_a_damaged_checkpoint_is_found_out_and_the_one_before_used(run, unbroken, file):
    kill(run, 20)
    *_, before, last = run.checkpoints()
    os.truncate(last / file, (last / file).stat().st_size // 2)
    run.finish()
    assert f"{last.name} is damaged" in run.log(2)
    assert run.provenance()["segments"][1]["from_step"] == int(before.name.split("-")[1])
    assert run.files() == unbroken["full"]


def test_a_changed_setting_never_continues_an_old_run(run, corpus, unbroken):
    kill(run, 20)
    spec = copy.deepcopy(SPEC)
    spec["training"]["learning_rate"] = 0.02
    other = ClassifierRun(run.folder, corpus, spec)
    other.finish()
    assert other.provenance()["attempts"] == 1
    assert other.files()["history.csv"] != unbroken["full"]["history.csv"]


def test_where_a_file_cannot_be_written_the_checkpoint_before_stays(run, unbroken):
    kill(run, 20)
    before = run.checkpoints()[-1].name
    largest = max(path.stat().st_size for path in run.checkpoints()[-1].iterdir())
    with run.attempt(file_limit=largest // 2) as attempt:
        assert attempt.wait() == 1
    assert "Traceback" not in attempt.errors()
    assert attempt.errors().splitlines()[-1].startswith("error: the disk is full while writing ")
    assert run.checkpoints()[-1].name == before
    assert not run.output.exists()
    run.finish()
    assert run.files() == unbroken["full"]
