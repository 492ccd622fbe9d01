"""Training jobs that are killed, stopped, robbed of a checkpoint or of the disk end in the same files as an unbroken one.

What holds of every program that trains is tested of a language model and of a classifier, killing and resuming of all kinds of
trainings.
"""

from __future__ import annotations

import copy
import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from support import classifiers, finetuning, pairs_training, policies, preferences, reward_models, training
from support.classifiers import ClassifierRun
from support.pairs_training import PairsRun
from support.policies import PolicyRun
from support.preferences import PreferencesRun
from support.reward_models import RewardRun
from support.runs import environment
from support.training import TrainingRun

#: As stories are learnt; a rate that forgot the plateaus before a kill would be higher after it.
DOCUMENTS = {"reading": "documents", "learning_rate": 0.3, "schedule": {"kind": "plateau", "patience": 0}}


@dataclass(frozen=True)
class Kind:
    """A kind of training: its settings and steps, the name of its data, what runs it."""

    spec: dict[str, Any]
    steps: int
    data: str
    run: type[TrainingRun] = TrainingRun


KINDS = {
    "language model": Kind(training.SPEC, 40, "blocks"),
    "language model of documents": Kind({**training.SPEC, "training": {**training.SPEC["training"], **DOCUMENTS}}, 40, "words"),
    "fine-tuned language model": Kind(finetuning.spec(finetuning.FULL), 24, "play"),
    "LoRA of a language model": Kind(finetuning.spec(finetuning.LORA), 24, "play"),
    "prefix of a language model": Kind(finetuning.spec(finetuning.PREFIX), 24, "play"),
    "encoder-decoder on pairs": Kind(pairs_training.SCRATCH, 24, "pairs", PairsRun),
    "LoRA on pairs": Kind(pairs_training.PAIRS_LORA, 24, "pairs", PairsRun),
    "preferences": Kind(preferences.DPO, 24, "preferences", PreferencesRun),
    "LoRA on preferences": Kind(preferences.DPO_LORA, 24, "preferences", PreferencesRun),
    "policy": Kind(policies.PPO, 12, "policies", PolicyRun),
    "LoRA of a policy": Kind(policies.PPO_LORA, 12, "policies", PolicyRun),
    "classifier": Kind(classifiers.SPEC, classifiers.STEPS, "lines", ClassifierRun),
    "LoRA of a classifier": Kind(
        {**classifiers.SPEC, "adaptation": classifiers.LORA}, classifiers.STEPS, "lines", ClassifierRun
    ),
    "classifier from random weights": Kind(
        {**classifiers.SPEC, "pretrained": False}, classifiers.STEPS, "lines", ClassifierRun
    ),
    "reward model": Kind(reward_models.SPEC, 24, "rewards", RewardRun),
    "LoRA of a reward model": Kind({**reward_models.SPEC, "adaptation": reward_models.LORA}, 24, "rewards", RewardRun),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_program = pytest.mark.parametrize("kind", ["language model", "classifier"])


def make_play(folder: Path) -> Path:
    """A corpus with the base whose tokens it holds beside it."""
    return finetuning.make_corpus(folder, finetuning.make_base(folder.parent / "base"))


MAKERS: dict[str, Callable[[Path], Path]] = {
    "blocks": training.make_corpus,
    "words": lambda folder: training.make_corpus(folder, separator=" "),
    "play": make_play,
    "pairs": pairs_training.make_words,
    "preferences": preferences.make_preferences,
    "policies": policies.make_policies,
    "lines": classifiers.make_models,
    "rewards": reward_models.make_preferences,
}


@pytest.fixture(scope="module")
def make_run(tmp_path_factory) -> Callable[..., TrainingRun]:
    """A function that makes a run of a kind in a folder; ``changes`` are other settings of its training."""

    @cache
    def data(name: str) -> Path:
        return MAKERS[name](tmp_path_factory.mktemp("data") / "a folder")

    def make(kind: str, folder: Path, changes: dict[str, Any] | None = None, **paths: Path) -> TrainingRun:
        spec, corpus = copy.deepcopy(KINDS[kind].spec), data(KINDS[kind].data)
        spec["training"] |= changes or {}
        base = corpus.parent / "base" if "base" in spec else None
        return KINDS[kind].run(folder, corpus, spec, base=base, **paths)

    return make


@pytest.fixture(scope="module")
def finished(make_run, tmp_path_factory) -> Callable[[str], TrainingRun]:
    """A function that returns a run of a kind that nothing has disturbed; it wrote no checkpoint but the last."""

    @cache
    def finish(kind: str) -> TrainingRun:
        run = make_run(kind, tmp_path_factory.mktemp("unbroken") / "a run")
        with run.attempt("--checkpoint-seconds", "1000") as attempt:
            assert attempt.wait() == 0, attempt.errors()
        assert run.provenance()["attempts"] == 1
        assert f"step {KINDS[kind].steps} of {KINDS[kind].steps}" in run.log(1)
        assert not run.checkpoints(), "checkpoints go when the run has succeeded"
        return run

    return finish


@pytest.fixture
def kind() -> str:
    """Where nothing depends on what is trained."""
    return "language model"


@pytest.fixture
def run(kind, make_run, tmp_path) -> TrainingRun:
    return make_run(kind, tmp_path / "a run")


@pytest.fixture
def unbroken(kind, finished) -> dict[str, bytes]:
    return finished(kind).files()


def kill(run: TrainingRun, step: int) -> None:
    """Kill a run at some moment after the checkpoint of a step."""
    with run.attempt() as attempt:
        attempt.until_step(step)
        attempt.send(signal.SIGKILL)
        assert attempt.wait() == -signal.SIGKILL
    assert not run.output.exists(), "nothing is written before the end"


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def test_the_files_of_a_model(unbroken):
    assert set(unbroken) == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("last/config.json", "last/generation_config.json", "last/model.safetensors"),
        *("history.csv", "losses.parquet", "samples.jsonl"),
    }


def test_the_files_of_a_classifier(finished):
    full, lora, fresh = (finished(kind).files() for kind in KINDS if "classifier" in kind)
    both = {"config.json", "tokenizer.json", "tokenizer_config.json", "history.csv", "texts.csv", "predictions.parquet"}
    assert set(full) == set(fresh) == {*both, "model.safetensors"}
    assert set(lora) == {*both, "adapter_config.json", "adapter_model.safetensors"}
    assert full["model.safetensors"] != fresh["model.safetensors"]


def test_the_files_of_models_of_pairs(finished):
    scratch, lora = (finished(kind).files() for kind in ("encoder-decoder on pairs", "LoRA on pairs"))
    both = {"tokenizer.json", "tokenizer_config.json", "history.csv", "losses.parquet"}
    whole = {"config.json", "generation_config.json", "model.safetensors"}
    adapter = {"adapter_config.json", "adapter_model.safetensors"}
    assert set(scratch) == {*both, *whole, *(f"last/{name}" for name in whole)}
    assert set(lora) == {*both, *adapter, *(f"last/{name}" for name in adapter)}


@every_program
def test_the_command_that_snakemake_prints_writes_the_same_files(run, unbroken):
    command = [sys.executable, str(run.program), *run.words()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    assert run.files() == unbroken


@pytest.mark.parametrize(
    ("kind", "step"),
    [*((kind, 9) for kind in KINDS), ("language model", 0), ("language model", 39), ("classifier", 1), ("classifier", 41)],
)
def test_killed_at_a_step(run, unbroken, step):
    kill(run, step)
    run.finish("--code", "def")
    assert run.files() == unbroken
    told = run.provenance()
    assert told["attempts"] == 2
    assert [(one["attempt"], one["code"]) for one in told["segments"]] == [(1, "abc"), (2, "def")], "the code differed"
    assert told["segments"][1]["from_step"] >= step
    assert not run.checkpoints()


@every_kind
def test_a_checkpoint_holds_what_is_trained_alone(run, kind, finished):
    kill(run, 1)
    tensors = load_file(run.checkpoints()[-1])
    held = {name: value.numel() for name, value in tensors.items() if name.startswith("model.")}
    assert sum(held.values()) == finished(kind).provenance()["trained_parameters"]


@pytest.mark.parametrize("kind", ["language model of documents"])
def test_plateaus_lower_the_rate_of_what_is_killed_here(unbroken):
    rates = [float(row["learning_rate"]) for row in csv.DictReader(unbroken["history.csv"].decode().splitlines())]
    assert rates[-1] < rates[0]


def test_killed_before_there_is_a_checkpoint(run, unbroken):
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: list(run.state.glob("*/attempt-001.log")))
        attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken
    assert run.provenance()["attempts"] == 2


@every_program
def test_killed_while_the_outputs_are_written(run, unbroken):
    with run.attempt() as attempt:
        attempt.until(run.output.exists)
        attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken


@every_program
def test_killed_again_and_again_at_random_moments(run, unbroken):
    moments = random.Random(0)
    for number in range(1, 7):
        with run.attempt() as attempt:
            attempt.until(lambda number=number: list(run.state.glob(f"*/attempt-{number:03d}.log")) or run.output.exists())
            time.sleep(moments.uniform(0, 0.4))
            attempt.send(signal.SIGKILL)
    run.finish()
    assert run.files() == unbroken


@pytest.mark.parametrize(
    ("kind", "name"),
    [("language model", "SIGTERM"), ("language model", "SIGINT"), ("language model", "SIGUSR1"), ("classifier", "SIGTERM")],
)
def test_a_signal_makes_it_save_and_leave(run, unbroken, kind, name):
    steps = KINDS[kind].steps
    with run.attempt("--checkpoint-seconds", "1000") as attempt:
        attempt.until(lambda: f"step 7 of {steps}" in attempt.errors())
        attempt.send(signal.Signals[name])
        assert attempt.wait() == 1
    (checkpoint,) = run.checkpoints()
    stopped = f"stopped at step {step_of(checkpoint)} of {steps} by {name}; the same command goes on from there"
    assert attempt.errors().splitlines()[-1] == f"error: {stopped}"
    assert stopped in run.log(1), "the attempt's own log tells how it ended"
    assert "Traceback" not in attempt.errors()
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


@pytest.mark.parametrize(
    ("kind", "damage"), [("language model", spoil), ("language model", truncate), ("classifier", truncate)]
)
def test_a_damaged_checkpoint_is_found_out_and_the_one_before_used(run, unbroken, damage):
    kill(run, 20)
    *_, before, last = run.checkpoints()  # three where the third was about to be removed
    damage(last)
    run.finish()
    assert f"{last.name} is damaged" in run.log(2)
    assert run.provenance()["segments"][1]["from_step"] == step_of(before)
    assert run.files() == unbroken


def test_without_any_whole_checkpoint_it_starts_anew_and_says_so(run, unbroken):
    kill(run, 20)
    for path in run.checkpoints():
        truncate(path)
    run.finish()
    assert "no whole checkpoint is left: the training starts anew" in run.log(2)
    assert "starts at step 0" in run.log(2)
    assert run.files() == unbroken


@every_program
def test_a_changed_setting_never_continues_an_old_run(run, kind, make_run, unbroken):
    kill(run, 20)
    other = make_run(kind, run.folder, {"learning_rate": 0.02})
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


@every_program
def test_where_a_file_cannot_be_written_the_checkpoint_before_stays(run, unbroken):
    kill(run, 20)
    before = run.checkpoints()
    with run.attempt(file_limit=before[-1].stat().st_size // 2) as attempt:
        assert attempt.wait() == 1
    assert "Traceback" not in attempt.errors()
    assert attempt.errors().splitlines()[-1].startswith("error: the disk is full while writing ")
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


def test_a_full_disk_under_the_outputs(small_disk, kind, make_run, tmp_path, unbroken):
    run = make_run(kind, tmp_path / "a run", output=small_disk(40) / "ruth")
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


def test_a_full_disk_under_the_state(small_disk, kind, make_run, tmp_path, unbroken):
    run = make_run(kind, tmp_path / "a run", state=small_disk(300) / "state")
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
