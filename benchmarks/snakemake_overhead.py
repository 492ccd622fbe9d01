"""What Snakemake itself costs: planning this workflow against an empty one, a run that has nothing to do, and its scheduler
while jobs sleep, with the cure of ``rules/scheduler.smk`` against without.

The run that has nothing to do is the checkout's own; without one, its figure is left out.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from common import emit, interleave

CHECKOUT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
REPEATS = 5


def timed(command: list[str], folder: Path) -> Callable[[], float]:
    """A program for ``interleave`` that returns the seconds a command takes."""

    def program() -> float:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
        return time.perf_counter() - start

    return program


def planning() -> None:
    """Dry runs, nothing made yet: ours and that of a workflow with one trivial rule."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty")
        empty.mkdir()
        (empty / "Snakefile").write_text("rule all:\n    output: 'done'\n    shell: 'touch {output}'\n")
        ours = ["snakemake", "-n", "--snakefile", str(CHECKOUT / "Snakefile"), "--directory", str(Path(folder, "run"))]
        seconds = interleave({"relab": timed(ours, CHECKOUT), "empty": timed(["snakemake", "-n"], empty)}, REPEATS)
    figures = {name: median(values) for name, values in seconds.items()}
    emit(
        "snakemake_overhead",
        "dry run of the whole report, nothing made yet",
        figures["relab"],
        "s",
        peer="dry run of a workflow of one trivial rule",
        peer_value=figures["empty"],
        difference=figures["relab"] - figures["empty"],
        repeats=REPEATS,
    )


def nothing_to_do() -> None:
    """`make report` on a finished run."""
    done = subprocess.run(["snakemake", "-n", "--quiet", "all"], cwd=CHECKOUT, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode or "Nothing to be done" not in done.stdout + done.stderr:
        print("the checkout's own run is not finished: make report first; its figure is left out", file=sys.stderr)
        return
    seconds = interleave({"make report": timed(["make", "report"], CHECKOUT)}, REPEATS)["make report"]
    emit("snakemake_overhead", "make report with nothing to do", median(seconds), "s", repeats=REPEATS)


#: Jobs that sleep for half a second two at a time, beside one that sleeps all the while.
SLEEPS = """
rule all:
    input: expand("{number}", number=range(125)), "long"
rule sleep:
    output: "{number,[0-9]+}"
    shell: "sleep 0.5; touch {output}"
rule sleep_long:
    output: "long"
    priority: 1
    shell: "sleep 70; touch {output}"
"""


def cpu_seconds(command: list[str], folder: Path) -> Callable[[], float]:
    """A program for ``interleave`` that returns the processor seconds of a command and of all that it started."""

    def program() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory(dir=folder) as run:
            subprocess.run([*command, "--directory", run], env=ENVIRONMENT, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return program


def scheduling() -> None:
    """Runs of 126 jobs that only sleep: what they take of the processor is Snakemake's."""
    with tempfile.TemporaryDirectory() as folder:
        programs = {}
        for name, cure in {"relab": f'include: "{CHECKOUT}/rules/scheduler.smk"\n', "stock": ""}.items():
            snakefile = Path(folder, f"{name}.smk")
            snakefile.write_text(cure + SLEEPS, encoding="utf-8")
            words = ["snakemake", "--cores", "3", "--snakefile", str(snakefile)]
            programs[name] = cpu_seconds(words, Path(folder))
        seconds = {name: median(values) for name, values in interleave(programs, 1).items()}
    emit(
        "snakemake_overhead",
        "126 jobs that sleep, 70 s",
        seconds["relab"],
        "core-seconds",
        peer="the same without rules/scheduler.smk",
        peer_value=seconds["stock"],
        repeats=1,
    )


if __name__ == "__main__":
    planning()
    nothing_to_do()
    scheduling()
