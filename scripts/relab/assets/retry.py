"""Why a source did not give a file, and which of the reasons are worth another try."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from relab.assets.talk import say

Result = TypeVar("Result")


class Unavailable(Exception):
    """A source cannot give a file, and asking it again would not help; the message says why."""


class Unreachable(Unavailable):
    """A source as a whole is of no use: nobody answers at its address, or what holds all of its files cannot be had."""


class Denied(Unavailable):
    """A source wants to know who asks (401, 403)."""


class Transient(Exception):
    """A source failed in a way that may pass; ``wait`` are the seconds that it asked to be left alone."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: pauses between the tries, time to connect, time for the next bytes to come.

    Nobody can be reached without a network, and a job must then end within 10 seconds: hence the short time to connect.
    """

    pauses: tuple[float, ...] = (1, 3, 9, 27)
    connect: float = 2.5
    read: float = 30.0


PATIENCE = Patience()


def persist(attempt: Callable[[int], Result], what: str, patience: Patience, reached: Callable[[], int] = lambda: 0) -> Result:
    """Call ``attempt`` with 0, 1, … until it succeeds, pausing longer after each :class:`Transient` failure.

    ``reached`` tells how many bytes have come; a try that came further than any before it starts the pauses anew.

    Raises:
        Unavailable: by ``attempt``, or where the last pause is used up.
    """
    tries, best = 0, reached()
    while True:
        try:
            return attempt(tries)
        except Transient as problem:
            if reached() > best:
                tries, best = 0, reached()
            if tries == len(patience.pauses):
                raise Unavailable(f"{problem} (tried {tries + 1} times)") from None
            pause = max(patience.pauses[tries], min(problem.wait, 60.0))
            tries += 1
            say(f"{what}: {problem}; trying again in {pause:g} s")
            time.sleep(pause)
