"""What the benchmarks share: one JSON line a figure, and fair timing of programs that are compared."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))  # benchmarks are run by path, as scripts are


def emit(benchmark: str, figure: str, value: float, unit: str, **more: Any) -> None:
    """Print one measured figure as a line of JSON.

    Args:
        benchmark: name of the program.
        figure: what was measured.
        value: the number, kept to four significant digits.
        unit: its unit, such as ``tokens/s``.
        more: further fields: ``peer`` (name and version of what it is compared with), ``peer_value`` (the peer's own
            figure), ``ratio_to`` (value divided by the peer's), ``settings``, ``repeats``, ``device`` where it is not the
            CPU.
    """
    from relab.jobs import versions

    line = {
        "benchmark": benchmark,
        "figure": figure,
        "value": _short(value),
        "unit": unit,
        "peer": None,
        "peer_value": None,
        "ratio_to": None,
        "settings": {},
        "device": "cpu",
        **{key: _short(one) if isinstance(one, float) else one for key, one in more.items()},
        "versions": versions(),
        "threads": sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def interleave(callables: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Call each program once to warm up, then ``repeats`` times in turn, and return what each returned.

    Turns, and a first place that moves on every round, keep other work on the machine from favouring one of them.
    """
    for program in callables.values():
        program()
    names = list(callables)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            figures[name].append(callables[name]())
    return figures


def rate(program: Callable[[], Any], amount: int) -> Callable[[], float]:
    """A program for :func:`interleave` that returns ``amount`` divided by the seconds that ``program`` took.

    On CUDA ``program`` must synchronise before it ends.
    """

    def timed() -> float:
        start = time.perf_counter()
        program()
        return amount / (time.perf_counter() - start)

    return timed


def machine() -> str:
    """The CPU's model name."""
    try:
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, subprocess.CalledProcessError, StopIteration):
        return platform.processor() or platform.machine()


def _short(value: float) -> float:
    return float(f"{value:.4g}")
