"""Signals that ask a training to stop."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class StopSignal:
    """Inside its block, SIGINT (Ctrl-C), SIGTERM and SIGUSR1 are noted instead of ending the process.

    ``signal`` is the name of the first one received, or None. Only SIGKILL ends the process at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

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
