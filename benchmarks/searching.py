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
from functools import partial
from pathlib import Path

import numpy as np
from common import emit, in_new_process, interleave, parser

QUERIES, DOCUMENTS, WIDTH, DEPTH, BLOCK = 1000, 100_000, 384, 100, 8192


def write(path: Path) -> None:
    """Features of so many documents; only the means hold numbers."""
    from relab.features.store import feature_writer

    random = np.random.default_rng(0)
    with feature_writer(path, DOCUMENTS, WIDTH, {"index.text": np.arange(DOCUMENTS)}) as arrays:
        for start in range(0, DOCUMENTS, 10_000):
            arrays["mean"][start : start + 10_000] = random.standard_normal((10_000, WIDTH), dtype=np.float32)


def ours(path: Path, queries: np.ndarray) -> np.ndarray:
    """A block of documents at a time."""
    from relab.features.store import Features
    from relab.probes.search import expand_texts, nearest_documents

    features = Features(path)
    nearest = nearest_documents(features.blocks("mean", BLOCK), queries, DEPTH)
    return expand_texts(nearest, features.index("text"), DEPTH).documents


def naive(path: Path, queries: np.ndarray) -> np.ndarray:
    """All similarities at once."""
    from relab.features.store import Features

    documents = Features(path).vectors("text", "mean")
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    similarities = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ documents.T
    best = np.argpartition(similarities, -DEPTH, axis=1)[:, -DEPTH:]
    order = np.argsort(-np.take_along_axis(similarities, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


PROGRAMS = {"ours": ours, "peer": naive}


def measured(name: str, path: Path) -> tuple[float, int, np.ndarray]:
    """Seconds of one program, how far it raises the peak memory in MiB, and the documents that it ranks."""
    import psutil
    import safetensors  # noqa: F401 - loaded before the clock starts

    import relab.probes.search  # noqa: F401
    from relab.jobs import peak_memory

    queries = np.random.default_rng(1).standard_normal((QUERIES, WIDTH), dtype=np.float32)
    queries @ queries[:1].T  # the threads of the product have started
    before, start = psutil.Process().memory_info().rss // 2**20, time.perf_counter()
    documents = PROGRAMS[name](path, queries)
    return time.perf_counter() - start, peak_memory() - before, documents


def main() -> None:
    args = parser(__doc__, repeats=3).parse_args()
    os.environ |= {f"{library}_NUM_THREADS": str(args.threads) for library in ("OMP", "OPENBLAS")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.safetensors"
        write(path)
        figures = interleave({name: partial(in_new_process, measured, name, path) for name in PROGRAMS}, args.repeats)
    report(figures, args)


def report(figures: dict[str, list], args: argparse.Namespace) -> None:
    """Emit seconds and memory, each beside the peer's, and the share of equal documents."""
    settings = {"queries": QUERIES, "documents": DOCUMENTS, "width": WIDTH, "depth": DEPTH, "block": BLOCK}
    settings["threads"] = args.threads
    more = {"peer": f"queries x documents in numpy {np.__version__}", "settings": settings, "repeats": args.repeats}
    for index, (figure, unit) in enumerate([("time", "s"), ("peak memory", "MiB")]):
        value, peer_value = (float(statistics.median(values[index] for values in figures[name])) for name in PROGRAMS)
        emit("searching", f"cosine search, {figure}", value, unit, peer_value=peer_value, **more)
    same = float((figures["ours"][0][2] == figures["peer"][0][2]).mean())
    emit("searching", "cosine search, ranks with the same document", same, "share", **more)


if __name__ == "__main__":
    main()
