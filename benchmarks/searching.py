"""Time and memory of searching a file of features by cosine: 1,000 queries, 100,000 documents of width 384, the 100 best.

The peer is what one writes in a line of NumPy: all similarities of queries and documents in one float32 matrix, `argpartition`,
the best ones sorted. Each runs in a process of its own, in turn, and reads the same file. Memory is how far the process's peak
rises above what its libraries and the queries take, so that it holds the documents' vectors (147 MiB) as far as they are read
into memory or mapped. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from common import emit, interleave

QUERIES, DOCUMENTS, WIDTH, DEPTH, BLOCK = 1000, 100_000, 384, 100, 8192


def write(path: Path) -> None:
    """Features of so many documents; only the means hold numbers."""
    from relab.features.store import writing

    random = np.random.default_rng(0)
    with writing(path, DOCUMENTS, WIDTH, {"index.text": np.arange(DOCUMENTS)}) as arrays:
        for start in range(0, DOCUMENTS, 10_000):
            arrays["mean"][start : start + 10_000] = random.standard_normal((10_000, WIDTH), dtype=np.float32)


def ours(path: Path, queries: np.ndarray) -> np.ndarray:
    """A block of documents at a time."""
    from relab.features.store import Features
    from relab.probes.search import expanded, nearest

    features = Features(path)
    return expanded(nearest(features.blocks("mean", BLOCK), queries, DEPTH), features.index("text"), DEPTH).documents


def naive(path: Path, queries: np.ndarray) -> np.ndarray:
    """All similarities at once."""
    from relab.features.store import Features

    documents = Features(path).of("text", "mean")
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    similarities = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ documents.T
    best = np.argpartition(similarities, -DEPTH, axis=1)[:, -DEPTH:]
    order = np.argsort(-np.take_along_axis(similarities, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


PROGRAMS = {"ours": ours, "peer": naive}


def measured(name: str, path: Path) -> tuple[float, int, np.ndarray]:
    """Seconds of one program, how far it raises the peak memory in MiB, and what it found."""
    import psutil
    import safetensors  # noqa: F401 - loaded before the clock starts

    import relab.probes.search  # noqa: F401
    from relab.jobs import peak_memory

    queries = np.random.default_rng(1).standard_normal((QUERIES, WIDTH), dtype=np.float32)
    queries @ queries[:1].T  # the threads of the product have started
    before, start = psutil.Process().memory_info().rss // 2**20, time.perf_counter()
    found = PROGRAMS[name](path, queries)
    return time.perf_counter() - start, peak_memory() - before, found


def alone(name: str, path: Path) -> tuple[float, int, np.ndarray]:
    """Run one program in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, name, path).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="compute threads (default: 1)")
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds (default: 3)")
    args = parser.parse_args()
    os.environ |= {f"{library}_NUM_THREADS": str(args.threads) for library in ("OMP", "OPENBLAS")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.safetensors"
        write(path)
        figures = interleave({name: lambda name=name: alone(name, path) for name in PROGRAMS}, args.repeats)
    report(figures, args)


def report(figures: dict[str, list], args: argparse.Namespace) -> None:
    """Emit seconds and memory, each beside the peer's, and how many of the documents both found."""
    settings = {
        "queries": QUERIES,
        "documents": DOCUMENTS,
        "width": WIDTH,
        "depth": DEPTH,
        "block": BLOCK,
        "threads": args.threads,
    }
    more = {"peer": f"queries x documents in numpy {np.__version__}", "settings": settings, "repeats": args.repeats}
    for place, (what, unit) in enumerate([("time", "s"), ("peak memory", "MiB")]):
        value, other = (float(statistics.median(found[place] for found in figures[name])) for name in PROGRAMS)
        emit("searching", f"cosine search, {what}", value, unit, peer_value=other, ratio_to=value / other, **more)
    same = float((figures["ours"][0][2] == figures["peer"][0][2]).mean())
    emit("searching", "cosine search, places at which both found the same document", same, "share", **more)


if __name__ == "__main__":
    main()
