"""What the benchmarks share: one JSON line a figure, and fair timing of programs that are compared."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
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
        more: further fields: ``peer`` (name and version of what it is compared with), ``peer_value`` (the peer's
            figure), ``ratio_to`` (by default the value divided by the peer's), ``settings``, ``repeats``, ``device`` where
            it is not the CPU.
    """
    from relab.jobs import versions

    if "peer_value" in more:
        more = {"ratio_to": value / more["peer_value"], **more}
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
        **{key: _short(field) if isinstance(field, float) else field for key, field in more.items()},
        "versions": versions(),
        "threads": sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def interleave(callables: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Call each program once to warm up, then ``repeats`` times in turn, and return what each returned.

    Turns, and a first program that changes every round, keep other work on the machine from favouring one of them.
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


def median_ratio(values: Iterable[float], peer_values: Iterable[float]) -> float:
    """The median over the rounds of one program's figure divided by its peer's."""
    return statistics.median(value / peer_value for value, peer_value in zip(values, peer_values, strict=True))


def parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
    """A parser with the options ``--threads`` and ``--repeats``."""
    cli = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--threads", type=int, default=1, help="compute threads (default: 1)")
    cli.add_argument("--repeats", type=int, default=repeats, help="timed rounds (default: %(default)s)")
    return cli


def in_new_process(program: Callable[..., Any], *arguments: Any) -> Any:
    """What a program returns that is run in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(program, *arguments).result()


@contextmanager
def loop_processes(serve: Callable[..., None], names: Sequence[str], *arguments: Any) -> Iterator[Callable[[str, int], Any]]:
    """A process for each loop; yields a function that sends one of them a number of steps and returns its answer.

    A process runs ``serve(name, *arguments, connection)``, which ends after it has answered 0. What the function raises in the
    place of an answer, an ``EOFError``, says that the loop has failed; its traceback is on the standard error.
    """
    context = get_context("spawn")
    connections, processes = {}, []
    for name in names:
        connections[name], remote = context.Pipe()
        processes.append(context.Process(target=serve, args=(name, *arguments, remote), daemon=True))
        processes[-1].start()
        remote.close()

    def ask(name: str, steps: int) -> Any:
        connections[name].send(steps)
        return connections[name].recv()

    try:
        yield ask
    except BaseException:
        for process in processes:  # they would wait for ever, and hold a card's memory
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


class StepServer:
    """Called before the first step of a loop and after each: answers the numbers of steps that it receives, and ends after 0.

    For loops that cannot be called a step at a time. The answer is items per second, and None after 0.

    Args:
        connection: the connection to the benchmark.
        items: items of a step, such as tokens.
    """

    def __init__(self, connection, items: int):
        self._connection, self._items = connection, items
        self._steps = self._left = 0
        self._begun = 0.0

    def __call__(self) -> None:
        import torch

        self._left -= 1
        if self._left > 0:
            return
        if self._steps:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self._connection.send(self._steps * self._items / (time.perf_counter() - self._begun))
        self._steps = self._left = self._connection.recv()
        if not self._steps:
            self._connection.send(None)
            raise SystemExit(0)
        self._begun = time.perf_counter()


def write_random_tokens(path: Path, vocabulary: int, number: int, seed: int = 0, lengths: Sequence[int] | None = None) -> None:
    """Write a split of ``number`` random token ids in documents of these lengths, by default of a thousand."""
    import numpy as np
    import pyarrow as pa

    from relab.tokens import store

    ends = np.cumsum(lengths if lengths is not None else [1000] * (number // 1000))
    ids = np.random.default_rng(seed).integers(vocabulary, size=number, dtype=np.uint16)
    rows = pa.ListArray.from_arrays(np.array([0, *ends], dtype=np.int32), ids)
    counts = store.Counts(len(rows), number, number, number, separator=0, separator_bytes=0)
    store.write(path, (rows.slice(begin, store.ROWS) for begin in range(0, len(rows), store.ROWS)), counts, np.uint16)


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
