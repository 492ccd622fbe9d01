"""The training program as a process that tests kill, on a corpus of a few thousand characters."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from support.runs import CHECKOUT

PROGRAM = CHECKOUT / "scripts" / "train_model.py"
TEXT = CHECKOUT / "tests" / "data" / "ruth_jonah_philemon.it.txt"

#: Every part of the loop has something to do in these forty steps.
SPEC: dict[str, Any] = {
    "corpus": "ruth",
    "tokenizer": "ruth-characters",
    "threads": 1,
    "seed": 3,
    "architecture": {"width": 16, "layers": 1, "heads": 2, "block": 16, "dropout": 0.2, "activation": "relu", "tied": False},
    "training": {
        "steps": 40,
        "batch": 4,
        "accumulation": 2,
        "learning_rate": 0.01,
        "weight_decay": 0.1,
        "clip": 1.0,
        "schedule": {"kind": "cosine", "warmup": 5, "minimum": 0.1},
        "evaluation": {"every": 7, "blocks": 8},
        "samples": {"every": 15, "length": 30, "number": 2, "top_k": 10},
    },
}


def make_corpus(folder: Path, separator: str = "\n\n") -> Path:
    """Write the splits of a short real text, a character tokenizer and the splits' token ids; return the folder.

    ``separator`` is what stands between two documents of the text.
    """
    from relab import characters
    from relab.corpora.storage import Writer

    documents = TEXT.read_text(encoding="utf-8").split(separator)
    cut = len(documents) * 4 // 5
    folder.mkdir(parents=True)
    for name, part in {"train": documents[:cut], "validation": documents[cut:]}.items():
        with Writer(folder / f"{name}.parquet") as writer:
            for document in part:
                writer.add(document)
    characters.save(characters.build("\n\n".join(documents)), folder / "tokenizer")
    for name in ("train", "validation"):
        make_tokens(folder, name)
    return folder


def make_tokens(folder: Path, split: str) -> None:
    """Write ``{split}.arrow`` of a folder as :func:`make_corpus` writes it; documents stand two line ends apart."""
    from relab.tokens.tokenize import tokenize

    tokenize(folder / f"{split}.parquet", folder / "tokenizer", "\n\n", folder / f"{split}.arrow")


@dataclass
class TrainingRun:
    """One model to be trained in a run's folder, by as many attempts as it takes.

    With a ``base``, a model directory, training starts from that one and the corpus holds its tokens.
    """

    folder: Path
    corpus: Path
    spec: dict[str, Any] = field(default_factory=lambda: SPEC)
    output: Path | None = None
    state: Path | None = None
    base: Path | None = None

    @property
    def program(self) -> Path:
        """The program that trains it."""
        finetuning = {"full": "finetune_model", "lora": "train_adapter", "prefix": "train_adapter"}
        name = "train_model" if self.base is None else finetuning[self.spec.get("adaptation", {}).get("kind", "full")]
        return PROGRAM.with_name(f"{name}.py")

    @property
    def record(self) -> Path:
        """Where it writes how its output came to be."""
        weights = "adapter_model" if self.program.stem == "train_adapter" else "model"
        return self.output / f"{weights}.safetensors.provenance.json"

    def __post_init__(self) -> None:
        self.output = self.output or self.folder / "models" / "ruth"
        self.state = self.state or self.folder / "state"
        self.folder.mkdir(parents=True, exist_ok=True)

    def words(self, *more: str) -> list[str]:
        """The program's arguments."""
        return [
            *("--train", f"{self.corpus}/train.arrow", "--validation", f"{self.corpus}/validation.arrow"),
            *(("--base", f"{self.base}") if self.base else ("--tokenizer", f"{self.corpus}/tokenizer")),
            *(("--inputs", f"{self.base}/model.safetensors") if self.base else ()),
            *("--output-dir", f"{self.output}", "--state", f"{self.state}"),
            *("--spec", json.dumps(self.spec), "--code", "abc"),
            *("--provenance", f"{self.record}", *more),
        ]

    def run_here(self) -> None:
        """Run the program to its end in this process."""
        import torch

        threads = torch.get_num_threads()
        try:
            with mock.patch.object(sys, "argv", [str(self.program), *self.words()]):
                runpy.run_path(str(self.program))["main"]()
        finally:
            torch.set_num_threads(threads)

    @contextlib.contextmanager
    def attempt(self, *more: str, file_limit: int | None = None) -> Iterator[Attempt]:
        """Start the program; it is killed when the block ends, if it still runs."""
        attempt = Attempt(self, self.words("--checkpoint-seconds", "0", *more), file_limit)
        try:
            yield attempt
        finally:
            attempt.send(signal.SIGKILL)
            attempt.wait()

    def finish(self, *more: str) -> Attempt:
        """Run the program to its end, which must be a good one."""
        with self.attempt(*more) as attempt:
            assert attempt.wait() == 0, attempt.errors()
        return attempt

    def checkpoints(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.state.glob("*/checkpoint-*.safetensors"))

    def log(self, number: int) -> str:
        """The log of an attempt."""
        return next(self.state.glob(f"*/attempt-{number:03d}.log")).read_text(encoding="utf-8")

    def provenance(self) -> dict[str, Any]:
        return json.loads(self.record.read_bytes())

    def files(self) -> dict[str, bytes]:
        """What must not depend on how often the training was interrupted."""
        varying = ("speed.csv", self.record.name)
        paths = [path for path in self.output.rglob("*") if path.is_file() and path.name not in varying]
        return {str(path.relative_to(self.output)): path.read_bytes() for path in paths}


_numbers = itertools.count()


class Attempt:
    """A process that runs the program. Processes are forked from one that has imported what takes seconds to import."""

    def __init__(self, run: TrainingRun, words: list[str], file_limit: int | None):
        self.run = run
        self._errors = run.folder / f"stderr-{next(_numbers)}.txt"
        self._process = forkserver().Process(
            target=_program, args=(run.program, words, str(self._errors), file_limit), daemon=True
        )
        self._process.start()

    def send(self, number: signal.Signals) -> None:
        if self._process.is_alive():
            os.kill(self._process.pid, number)

    def wait(self) -> int:
        """The exit status; minus the signal's number for a process that a signal ended."""
        self._process.join(120)
        assert self._process.exitcode is not None, "the program hangs"
        return self._process.exitcode

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to happen while the program runs."""
        end = time.monotonic() + 120
        while not condition():
            assert self._process.is_alive(), f"the program ended early\n{self.errors()}"
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.001)

    def until_step(self, step: int) -> None:
        """Wait for the checkpoint of a step or a later one."""
        self.until(lambda: any(int(path.name.split("-")[1]) >= step for path in self.run.checkpoints()))

    def errors(self) -> str:
        return self._errors.read_text(encoding="utf-8") if self._errors.exists() else ""


def forkserver():
    """The context of processes that are forked from one that has imported what takes seconds to import."""
    context = multiprocessing.get_context("forkserver")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT / "scripts"), str(CHECKOUT / "tests")])
    context.set_forkserver_preload(["relab.training.job", "relab.device", "peft", "support.objectives"])
    try:
        from multiprocessing import forkserver as server

        server.ensure_running()  # Python 3.11 takes the path of what it imports first from the environment alone
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    return context


def _program(program: Path, words: list[str], errors: str, file_limit: int | None) -> None:
    import resource

    with open(errors, "w") as handle:
        os.dup2(handle.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    sys.argv = [str(program), *words]
    runpy.run_path(str(program), run_name="__main__")
