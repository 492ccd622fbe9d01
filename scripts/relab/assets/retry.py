"""Why a source did not give a file, and retrying where that may help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from relab.assets.log import log

Result = TypeVar("Result")


class Unavailable(Exception):
    """A source cannot give a file, and asking it again would not help; the message says why."""


class Unreachable(Unavailable):
    """A source as a whole is unavailable: nothing answers at its address, or the archive with its files cannot be had."""


class Unset(Unavailable):
    """A variable in the path of a source is not set: the user has not said yet where it is."""


class Denied(Unavailable):
    """A source asks for authentication (401, 403)."""


class TransientError(Exception):
    """A source failed in a way that may pass; ``wait``: the seconds it asked to wait before the next request."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait, in seconds: pauses between attempts, time to connect, time for the next bytes to come.

    Without a network a job must end within 10 seconds: hence the short time to connect.
    """

    pauses: tuple[float, ...] = (1, 3, 9, 27)
    connect_timeout: float = 2.5
    read_timeout: float = 30.0


RETRY_POLICY = RetryPolicy()


def retry(
    attempt: Callable[[int], Result], description: str, policy: RetryPolicy, received: Callable[[], int] = lambda: 0
) -> Result:
    """Call ``attempt`` with its number (0, 1, …) until it succeeds, pausing longer after each :class:`TransientError` failure.

    ``received`` returns the bytes received so far; an attempt that got further than those before starts the pauses anew.

    Raises:
        Unavailable: raised by ``attempt``, or after the last pause.
    """
    number, furthest = 0, received()
    while True:
        try:
            return attempt(number)
        except TransientError as problem:
            if received() > furthest:
                number, furthest = 0, received()
            if number == len(policy.pauses):
                raise Unavailable(f"{problem} (tried {number + 1} times)") from None
            pause = max(policy.pauses[number], min(problem.wait, 60.0))
            number += 1
            log(f"{description}: {problem}; trying again in {pause:g} s")
            time.sleep(pause)
