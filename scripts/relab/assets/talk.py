"""What a long download tells its reader."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """A line for the log."""
    print(text, file=sys.stderr, flush=True)


def amount(size: float) -> str:
    """A number of bytes as people read it: ``72.8 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


@contextmanager
def progress(title: str, begun: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the bytes that came: a bar on a terminal, a line every 15 seconds in a log."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(desc=title, initial=begun, total=total, unit="B", unit_scale=True) as bar:
            yield bar.update
        return
    seen, said = begun, time.monotonic()

    def advance(count: int) -> None:
        nonlocal seen, said
        seen += count
        if time.monotonic() - said > 15:
            said = time.monotonic()
            say(f"{title}: {amount(seen)}" + (f" of {amount(total)}" if total else ""))

    yield advance
