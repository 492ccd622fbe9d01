"""What Slurm adds to a run: the same targets on this machine's cores and on a node of as many, in turn.

The node is that of the tests' cluster, which is made of this machine (tests/support/cluster.py). Every run begins with nothing
but its downloads. Without words it is a row of the tests' smallest run; other options and targets for Snakemake stand
behind `--`. The whole default takes the time of two reports:

    python benchmarks/cluster.py -- results/report.html
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from common import emit, parser

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests"))

from support.cluster import missing_program, running_cluster  # noqa: E402

#: A row of the tests' smallest run: a few jobs, each of less than a second.
SMALL = ["--configfile", "tests/config/tiny.yaml", "--", "A4"]


def adopt_orphans() -> None:
    """Become the parent of what a service of Slurm leaves behind, so that its time is counted here."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1)


def core_seconds() -> float:
    """The processor's seconds of all processes that have been started here and have ended."""
    while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
        os.waitpid(-1, os.WNOHANG)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run(variables: dict[str, str], words: list[str]) -> tuple[float, float, int]:
    """Run in a new folder; returns the seconds, those of the processor, and how many jobs or groups were submitted."""
    with tempfile.TemporaryDirectory() as folder:
        begin, before = time.perf_counter(), core_seconds()
        command = ["snakemake", "--directory", folder, *words]
        done = subprocess.run(command, cwd=CHECKOUT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds = time.perf_counter() - begin
        if done.returncode:
            sys.exit(done.stdout)
        time.sleep(2)  # the last job's processes end after Slurm has said so
        return seconds, core_seconds() - before, done.stdout.count("has been submitted with SLURM jobid")


def main() -> None:
    """Measure both, in turn."""
    cli = parser(__doc__, repeats=1)
    cli.add_argument("words", nargs="*", default=SMALL, help="options and targets for Snakemake")
    arguments = cli.parse_args()
    missing = missing_program()
    if missing:
        print(f"a cluster needs {missing} (Debian packages slurm-wlm and munge): its figures are left out", file=sys.stderr)
        return
    adopt_orphans()
    cores = len(os.sched_getaffinity(0))
    ways = {"local": ["--cores", str(cores)], "Slurm": ["--profile", "profiles/slurm"]}
    runs: dict[str, list[tuple[float, float, int]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder), nodes=1, cores=cores) as cluster:
        for _ in range(arguments.repeats):
            for way, words in ways.items():
                runs[way].append(run(cluster.environment, [*words, *arguments.words]))
    what = " ".join(arguments.words)
    figures = [(f"a run on Slurm: {what}", "s"), (f"what it takes of the processor: {what}", "core-seconds")]
    for place, (figure, unit) in enumerate(figures):
        here, there = (median(measured[place] for measured in runs[way]) for way in ways)
        peer = f"the same on {cores} cores of this machine"
        submitted = {"words": arguments.words, "submitted": runs["Slurm"][0][2]}
        emit("cluster", figure, there, unit, peer=peer, peer_value=here, settings=submitted, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
