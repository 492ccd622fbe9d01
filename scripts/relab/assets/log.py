"""What a download writes to its log, or shows on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def log(text: str) -> None:
    """Write a line to the log (standard error)."""
    print(text, file=sys.stderr, flush=True)


def format_size(size: float) -> str:
    """A number of bytes for a reader, such as ``72.8 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


@contextmanager
def download_progress(title: str, offset: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with each number of bytes received: a bar on a terminal, a line every 15 seconds in a log."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(desc=title, initial=offset, total=total, unit="B", unit_scale=True) as bar:
            yield bar.update
        return
    received, logged = offset, time.monotonic()

    def advance(count: int) -> None:
        nonlocal received, logged
        received += count
        if time.monotonic() - logged > 15:
            logged = time.monotonic()
            log(f"{title}: {format_size(received)}" + (f" of {format_size(total)}" if total else ""))

    yield advance
