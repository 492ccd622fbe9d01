"""How time and memory grow with size: cleaning corpora of 10, 100 and 1,000 MB, making data sets of 1,000, 10,000 and 100,000
rows, planning sweeps of 10, 100 and 1,000 models, and running 10, 100 and 1,000 jobs that only touch a file.

Memory should stay as it is, and time grow with size and no faster. Programs run in processes of their own, as in a run; their
seconds and peak memory, libraries included, are those of their records, or of the process. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import emit, in_new_process
from snakemake_overhead import CHECKOUT, ENVIRONMENT

#: What is made of a table of rows with a label, which no two splits share.
DATASET = {
    "kind": "classification",
    "asset": "rows",
    "text": "text",
    "label": "label",
    "labels": {"no": "negative", "yes": "positive"},
    "tables": {"all": {"file": "rows.csv"}},
    "draw": {"validation": 0.1, "test": 0.1, "seed": 0},
    "duplicates": {"normalise": True, "similarity": 0.5, "words": 4},
}
CORPUS = {
    "asset": "text",
    "reader": {"kind": "text", "document": "line"},
    "split": {"by": "document", "validation": 0.01, "seed": 0},
}
TOUCHES = """
include: "{checkout}/rules/scheduler.smk"
rule all:
    input: expand("{{number}}", number=range({number}))
rule touch:
    output: "{{number,[0-9]+}}"
    shell: "true; touch {{output}}"
"""


class Cost(NamedTuple):
    """Seconds, and MiB of peak memory where they are known."""

    seconds: float
    memory: float | None = None


def sentences(seed: int) -> list[str]:
    """Some ten thousand different sentences of made-up words."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abdeghilmnorstu", k=draw.randint(2, 9))) for _ in range(5000)]
    return [" ".join(draw.choices(words, k=draw.randint(5, 20))) + "." for _ in range(10_000)]


def write_corpus(path: Path, megabytes: int) -> None:
    """A text of paragraphs, of about so many MB."""
    draw, known, left = random.Random(megabytes), sentences(0), megabytes * 10**6
    with path.open("w", encoding="utf-8") as file:
        while left > 0:
            left -= file.write(" ".join(draw.choices(known, k=6)) + "\n")


def write_rows(path: Path, number: int) -> None:
    """A table of so many texts with labels."""
    draw, known = random.Random(number), sentences(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        for _ in range(number):
            file.write(f"{' '.join(draw.choices(known, k=3))},{draw.choice(('no', 'yes'))}\n")


def job(program: str, spec: dict[str, Any], folder: Path, *words: str | Path) -> Cost:
    """What a program of a job took, by its record."""
    record = folder / "record.json"
    command = [sys.executable, CHECKOUT / "scripts" / program, "--spec", json.dumps(spec), "--provenance", record, *words]
    subprocess.run([*map(str, command)], check=True, stdout=sys.stderr, env={**ENVIRONMENT, "TQDM_DISABLE": "1"})
    entry = json.loads(record.read_text())
    return Cost(entry["wall_seconds"], entry["peak_memory_mib"])


def corpus(megabytes: int, folder: Path) -> Cost:
    """Cleaning a corpus."""
    source = folder / "text.txt"
    in_new_process(write_corpus, source, megabytes)  # the peak of a process is never below that of its parent
    made = [
        "--train",
        folder / "train.parquet",
        "--validation",
        folder / "validation.parquet",
        "--stats",
        folder / "stats.json",
    ]
    return job("clean_corpus.py", CORPUS, folder, "--input", source, *made)


def dataset(rows: int, folder: Path) -> Cost:
    """Making the training split of a data set."""
    source = folder / "rows.csv"
    in_new_process(write_rows, source, rows)
    made = ["--output", folder / "train.parquet", "--stats", folder / "train.json"]
    return job("make_dataset.py", {"dataset": DATASET, "part": "train"}, folder, "--input", source, *made)


def measured(command: Sequence[str], folder: Path) -> Cost:
    """What a command took, all that it started included."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return Cost(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10)


def overlay(models: int, folder: Path) -> Path:
    """A sweep of so many models, all in one row."""
    path = folder / "sweep.json"
    path.write_text(json.dumps({"models": {"mingpt": {"sweep": {"seed": list(range(models))}}}}))
    return path


def dry_run(models: int, folder: Path) -> Cost:
    """A dry run of a report in which one row has a sweep of models."""
    words = [
        "--snakefile",
        str(CHECKOUT / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(overlay(models, folder)),
    ]
    return in_new_process(measured, ["snakemake", "-n", "--quiet", "all", *words, "--", "results/report.html"], CHECKOUT)


def plan(models: int, folder: Path) -> Cost:
    """`relab plan` of the same."""
    words = ["--directory", str(folder), "--configfile", str(overlay(models, folder))]
    return in_new_process(measured, ["relab", "plan", *words], CHECKOUT)


def touches(jobs: int, folder: Path) -> Cost:
    """A run of jobs that only touch a file."""
    (folder / "Snakefile").write_text(TOUCHES.format(checkout=CHECKOUT, number=jobs), encoding="utf-8")
    return in_new_process(measured, ["snakemake", "--cores", "2", "--quiet", "all"], folder)


#: What grows: the program that measures it, the sizes, and what they count.
GROWTH: dict[str, tuple[Callable[[int, Path], Cost], tuple[int, ...], str]] = {
    "corpus": (corpus, (10, 100, 1000), "MB"),
    "data set": (dataset, (1_000, 10_000, 100_000), "rows"),
    "dry run": (dry_run, (10, 100, 1000), "models"),
    "plan": (plan, (10, 100, 1000), "models"),
    "run": (touches, (10, 100, 1000), "jobs that only touch a file"),
}


def grow(name: str, largest: int) -> None:
    """Measure and emit one kind of growth, up to a number of steps."""
    program, sizes, unit = GROWTH[name]
    costs = {}
    for size in sizes[:largest]:
        with tempfile.TemporaryDirectory() as folder:
            costs[size] = program(size, Path(folder))
        emit("growth", f"{name} of {size} {unit}: time", costs[size].seconds, "s")
        emit("growth", f"{name} of {size} {unit}: peak memory", costs[size].memory, "MiB")
    # the start of a program is no part of its growth: by the two largest
    (small, low), (large, high) = list(costs.items())[-2:]
    emit("growth", f"{name}: memory at {large} {unit} over {small}", high.memory / low.memory, "ratio")
    emit(
        "growth",
        f"{name}: time for one of {large} {unit} over one of {small}",
        high.seconds / low.seconds / (large / small),
        "ratio",
    )


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--only", choices=list(GROWTH), help="one kind of growth (default: all)")
    cli.add_argument("--sizes", type=int, default=3, choices=(2, 3), help="how many of the three sizes (default: 3)")
    args = cli.parse_args()
    for name in [args.only] if args.only else GROWTH:
        grow(name, args.sizes)


if __name__ == "__main__":
    main()
