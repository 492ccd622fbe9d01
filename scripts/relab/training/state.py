"""The folder in which a training run's progress outlives the process: checkpoints, and a log of every attempt.

A checkpoint is one safetensors file, so that reading it executes no code. It is written under a temporary name and renamed once
it is complete on disk; the name holds a digest of the content, so that a damaged file is recognised. The two newest are kept:
if the newest is damaged, the one before it serves.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from relab.errors import UserError
from relab.files import sha256, write_json
from relab.settings.base import canonical

#: Raise it when the new code cannot continue checkpoints of the old code: old progress is then left alone.
STATE_VERSION = 3

log = logging.getLogger("relab.training")

_KEPT_CHECKPOINTS = 2
_PROGRESS = "plain"  # name of the tensor that holds, as JSON, everything in a checkpoint that is not a tensor


def fingerprint(spec: dict[str, Any], inputs: Iterable[Path]) -> str:
    """16 hexadecimal digits of a digest of a job's settings, its inputs and the version of its checkpoints."""
    identity = {"spec": spec, "inputs": [sha256(path) for path in inputs], "version": STATE_VERSION}
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:16]


class State:
    """The state folder of one training run, held by this process.

    ``attempt`` is the number of this attempt at the run, from 1; ``advanced`` tells whether it has saved a step. Times between
    two checkpoints are in seconds.
    """

    def __init__(self, folder: Path, checkpoint_seconds: float = 60.0):
        self.folder = folder
        self._every = checkpoint_seconds
        self._saved_at = time.monotonic()
        self._saved_step = -1
        self.advanced = False
        logs = len(list(folder.glob("attempt-*.log")))
        self._log = folder / f"attempt-{logs + 1:03d}.log"
        self._finished = folder / "finished.json"
        self.attempt = logs + 1 - (json.loads(self._finished.read_bytes())["logs"] if self._finished.exists() else 0)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, checkpoint_seconds: float = 60.0) -> Iterator[State]:
        """Lock a state folder, and log this attempt in it until the block ends.

        Raises:
            UserError: where another process holds the lock.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / "lock", timeout=0):
                for leftover in folder.glob(".*.safetensors"):
                    leftover.unlink()
                state = cls(folder, checkpoint_seconds)
                with _logging(state._log):
                    yield state
        except Timeout:
            raise UserError(f"{folder}: another process is at work on this model; wait for it to end, or stop it") from None

    def checkpoint_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved_at >= self._every

    def save(self, step: int, tensors: dict[str, torch.Tensor], progress: dict[str, Any]) -> None:
        """Write the checkpoint of a step, unless it exists, and delete all but the newest two.

        Args:
            step: number of finished steps.
            tensors: tensors by name, on any device.
            progress: everything else; must be JSON.

        Raises:
            OSError: for example where the disk is full; the checkpoints before are untouched.
        """
        if step != self._saved_step:
            encoded = json.dumps(progress, allow_nan=False).encode()
            tensors = {**tensors, _PROGRESS: torch.frombuffer(bytearray(encoded), dtype=torch.uint8)}
            temporary = self.folder / f".{uuid.uuid4().hex}.safetensors"
            try:
                with raising_os_errors(temporary):
                    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
                with open(temporary, "rb+") as handle:
                    digest = hashlib.file_digest(handle, "sha256").hexdigest()
                    os.fsync(handle.fileno())
                os.replace(temporary, self.folder / f"checkpoint-{step:09d}-{digest[:16]}.safetensors")
            finally:
                temporary.unlink(missing_ok=True)
            for old in self._checkpoints()[_KEPT_CHECKPOINTS:]:
                old.unlink()
            self.advanced = True
        self._saved_step, self._saved_at = step, time.monotonic()

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """The tensors and the progress of the newest intact checkpoint; damaged ones are logged and removed."""
        checkpoints = self._checkpoints()
        for path in checkpoints:
            if sha256(path)[:16] == path.stem[-16:]:
                tensors = {name: value.clone() for name, value in load_file(path).items()}  # no longer mapped to the file
                self._saved_step = int(path.stem.split("-")[1])
                return tensors, json.loads(bytes(tensors.pop(_PROGRESS).numpy()))
            log.warning("%s is damaged (its checksum does not fit) and is left out", path)
            path.unlink()
        if checkpoints:
            log.warning("no whole checkpoint is left: the training starts anew")
        return None

    def finish(self) -> None:
        """Remove the checkpoints of a finished run; the logs stay."""
        write_json(self._finished, {"logs": int(self._log.stem.split("-")[1])})
        for path in self._checkpoints():
            path.unlink()

    def _checkpoints(self) -> list[Path]:
        """Newest first."""
        return sorted(self.folder.glob("checkpoint-*.safetensors"), reverse=True)


@contextmanager
def raising_os_errors(path: Path) -> Iterator[None]:
    """Raise system errors that safetensors wraps, such as that of a full disk, as ``OSError``."""
    try:
        yield
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from None


class _Log(logging.FileHandler):
    """A log file that drops its lines when the disk is full: they go to stderr too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - a name of the logging module
        error = sys.exc_info()[1]
        if not (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Send the training log to stderr and to a file, and an error that ends the block to the file too."""
    file = _Log(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    console = logging.StreamHandler()
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(file)
    log.addHandler(console)
    try:
        yield
    except BaseException as error:
        log.removeHandler(console)
        log.error("%s", error, exc_info=None if isinstance(error, UserError) else error)
        raise
    finally:
        log.removeHandler(console)
        log.removeHandler(file)
        file.close()
