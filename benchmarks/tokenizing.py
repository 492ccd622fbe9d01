"""Speed and memory of tokenizing a corpus by several processes, beside one process.

Both do the same work, from Parquet to the file of token ids, in turn; the ratio is the median over the rounds of several
processes to one. Peak memory is that of the whole tree of processes, sampled twenty times a second: what no file backs, since
pages of mapped files are the system's cache, which it takes back. It is measured on the corpus and on a quarter of it, between
which it must not grow. The corpus is generated unless one is given. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import emit, interleave, median_ratio, rate


@dataclass(frozen=True)
class Task:
    """A corpus, its tokenizer directory, and how many processes tokenize it."""

    corpus: Path
    tokenizer: Path
    processes: int

    def run(self) -> None:
        from relab.tokens.tokenize import tokenize

        tokenize(self.corpus, self.tokenizer, "\n\n", self.corpus.with_suffix(".arrow"), self.processes)


def texts(size: float) -> Iterator[str]:
    """Some ``size`` bytes of documents of 50 to 250 made-up words, whose frequencies follow Zipf's law."""
    import numpy as np

    generator = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = np.array(["".join(generator.choice(letters, generator.integers(1, 10))) for _ in range(20_000)])
    share = 1 / np.arange(1, len(words) + 1)
    while size > 0:
        text = " ".join(generator.choice(words, generator.integers(50, 250), p=share / share.sum()))
        size -= len(text)
        yield text


def write(path: Path, documents: Iterator[str], size: float) -> int:
    """Write a corpus of the first documents, some ``size`` bytes of them; returns its bytes."""
    from relab.corpora.storage import Writer

    written = 0
    with Writer(path) as writer:
        for text in documents:
            writer.add(text)
            written += len(text.encode())
            if written >= size:
                break
    return written


def peak(task: Task) -> float:
    """Peak MiB of a new process that tokenizes a corpus once, together with those that it starts."""
    import psutil

    process = get_context("spawn").Process(target=task.run)
    process.start()
    top, highest = psutil.Process(process.pid), 0
    while process.is_alive():
        with suppress(psutil.Error):
            highest = max(highest, sum(map(anonymous_memory, [top, *top.children(recursive=True)])))
        time.sleep(0.05)
    if process.exitcode:
        raise SystemExit(f"tokenizing ended with status {process.exitcode}")
    return highest / 2**10


def anonymous_memory(process: Any) -> int:
    """KiB of a process that no file backs; shared pages count by their share (Linux)."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--corpus", type=Path, metavar="FILE", help="one split of a corpus, Parquet (default: generated text)")
    cli.add_argument("--megabytes", type=float, default=60, help="size of generated text (default: %(default)s)")
    cli.add_argument("--tokenizer", type=Path, metavar="FOLDER", help="tokenizer directory (default: 5,120 byte pairs)")
    cli.add_argument("--processes", type=int, default=2, help="processes that are compared with one (default: %(default)s)")
    cli.add_argument("--repeats", type=int, default=3, help="timed rounds (default: %(default)s)")
    args = cli.parse_args()
    if missing := [path for path in (args.corpus, args.tokenizer) if path and not path.exists()]:
        raise SystemExit(f"error: {missing[0]}: not found")
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory(dir=args.corpus and args.corpus.parent) as name:
        folder = Path(name)
        documents = stored(args.corpus) if args.corpus else texts(args.megabytes * 1e6)
        size = write(folder / "whole.parquet", documents, float("inf"))
        quarter = write(folder / "quarter.parquet", stored(folder / "whole.parquet"), size / 4)
        measure(folder, args.tokenizer or trained(folder), size, quarter, args.processes, args.repeats)


def stored(path: Path) -> Iterator[str]:
    from relab.corpora.storage import documents

    return documents(path)


def trained(folder: Path) -> Path:
    """A tokenizer of byte pairs, learned from the first two thousand documents."""
    from relab import bytepair, characters

    learned = bytepair.train(itertools.islice(stored(folder / "whole.parquet"), 2000), 5120, "the corpus")
    characters.save(learned, folder / "tokenizer")
    return folder / "tokenizer"


def measure(folder: Path, tokenizer: Path, size: int, quarter: int, processes: int, repeats: int) -> None:
    """Run both in turn and emit their speed, then each one's peak memory on the corpus beside that on a quarter of it."""
    numbers = (processes, 1)
    tasks = {number: Task(folder / "whole.parquet", tokenizer, number) for number in numbers}
    names = {number: f"{number} process{'es' * (number > 1)}" for number in numbers}
    speed = interleave({names[number]: rate(task.run, size) for number, task in tasks.items()}, repeats)
    ours, peer = (speed[names[number]] for number in numbers)
    settings = {"bytes": size, "quarter": quarter, "tokenizer": tokenizer.name}
    emit(
        "tokenizing", f"{names[processes]}, {size / 1e6:.0f} MB", statistics.median(ours) / 1e6, "MB/s", peer=names[1],
        peer_value=statistics.median(peer) / 1e6, ratio_to=median_ratio(ours, peer), repeats=repeats, settings=settings,
    )  # fmt: skip
    if sys.platform != "linux":
        print("memory is measured on Linux only", file=sys.stderr)
        return
    for number, task in tasks.items():
        whole, small = peak(task), peak(replace(task, corpus=folder / "quarter.parquet"))
        figure = f"peak memory of {names[number]}, {size / 1e6:.0f} MB"
        emit("tokenizing", figure, whole, "MiB", peer="a quarter of it", peer_value=small, settings=settings)


if __name__ == "__main__":
    main()
