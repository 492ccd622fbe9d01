"""What Snakemake itself costs: planning this workflow against an empty one, and a run that has nothing to do.

The run that has nothing to do is the checkout's own; without one, its figure is left out.
"""

from __future__ import annotations

import os
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


if __name__ == "__main__":
    planning()
    nothing_to_do()
