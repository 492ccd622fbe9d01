"""Signals that ask a training to stop, and its way back into the queue of a cluster."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from types import FrameType, TracebackType

log = logging.getLogger("relab.training")


class StopSignal:
    """Inside its block, SIGINT (Ctrl-C), SIGTERM and SIGUSR1 are noted instead of ending the process.

    ``signal`` is the name of the first one received, or None. Only SIGKILL ends the process at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    #: The one by which a cluster says that the job's time is up soon (``--signal`` in profiles/slurm).
    TIME_IS_UP = "SIGUSR1"

    def __init__(self) -> None:
        self.signal: str | None = None

    def __enter__(self) -> StopSignal:
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number).name


def requeue() -> None:
    """Put the job of Slurm that this process is part of back into the queue; elsewhere do nothing."""
    number = os.environ.get("SLURM_JOB_ID")
    if number is not None:
        done = subprocess.run(["scontrol", "requeue", number], capture_output=True, text=True)
        log.info("Slurm's job %s %s", number, done.stderr.strip() or "goes back into the queue")
