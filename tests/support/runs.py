"""Snakemake on this checkout, as tests run it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.snakemake_server import Server

CHECKOUT = Path(__file__).resolve().parents[2]
#: What lays the tests' tiniest scale over the default, from a checkout's folder.
TINY = ("--configfile", "tests/config/tiny.yaml")
#: What of a checkout a run needs.
PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles", "tests/config", "tests/data")


def environment(**more: str) -> dict[str, str]:
    """The environment of a job: this interpreter first on the path, no network, one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RELAB_", "SNAKEMAKE_", "PYTEST_"))}
    return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


def nodes_plugin() -> dict[str, str]:
    """The variable by which Snakemake finds the tests' executor ``nodes``, beside what it finds already."""
    path = [str(CHECKOUT / "tests/support/nodes"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


@functools.cache
def fork_server() -> dict[str, str]:
    """The variable that names a server of forks, which ends with the tests: jobs of a second each do not import for three."""
    open_until_the_end = contextlib.ExitStack()
    atexit.register(open_until_the_end.close)
    return open_until_the_end.enter_context(fork_server_of(CHECKOUT))


@contextlib.contextmanager
def fork_server_of(checkout: Path) -> Iterator[dict[str, str]]:
    """The variable that names a server of forks with a checkout's library; jobs of other checkouts import their own again."""
    program = runpy.run_path(str(checkout / "scripts/relab/fork_server.py"))
    with program["serving"](environment(PYTHONUTF8="1")) as variables:
        yield {program["VARIABLE"]: variables[program["VARIABLE"]]}


@functools.cache
def snakemake_server() -> Server:
    """The server of this test process, which ends with it."""
    server = Server(environment())
    atexit.register(server.close)
    return server


def run_snakemake(
    directory: Path, *words: str, checkout: Path = CHECKOUT, timeout: int = 1700, forked: bool = False, **more: str
) -> subprocess.CompletedProcess:
    """Run Snakemake on a checkout's Snakefile in the folder of a run; returns its output whatever its status.

    ``forked``: its jobs are forks of one process (:mod:`relab.fork_server`), for runs of which a test wants the files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    more |= fork_server() if forked else {}
    words = ("--snakefile", str(checkout / "Snakefile"), "--directory", str(directory), *words)
    if any(name.startswith(("PYTHON", "LC_", "XDG_")) for name in more):  # what is read when a program is imported
        command, variables = [sys.executable, "-m", "snakemake", *words], environment(**more)
        return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=checkout, timeout=timeout)
    with tempfile.TemporaryDirectory() as output:
        status = snakemake_server().run(list(words), checkout, environment(**more), Path(output), timeout)
        said = ((Path(output) / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["snakemake", *words], status, *said)


def run_relab(*words: str | Path, checkout: Path = CHECKOUT, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a checkout's command relab, by default in its folder; returns its output whatever its status."""
    command = [sys.executable, "-m", "relab.cli", *map(str, words)]
    variables = environment(PYTHONPATH=str(checkout / "scripts"))
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=cwd or checkout)


def run_job(program: Path, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a job's program as a fork of a process that has imported its libraries; returns its output whatever its status."""
    from relab.fork_server import __file__ as fork_program

    command = list(map(str, [sys.executable, "-S", fork_program, program, *words]))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:  # as in a run, where a log gets them
        done = subprocess.run(command, stdout=out, stderr=errors, env=environment(**fork_server()), cwd=cwd)
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, out.read(), errors.read())


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder of thousands of files, with links and time stamps, to a new one; shutil takes three times as long."""
    subprocess.run(["cp", "-R", "-p", "-P", source, target], check=True)


def copy_checkout(target: Path) -> None:
    """Copy what a run needs of this checkout to another folder."""
    for part in PARTS:
        source, ignored = CHECKOUT / part, shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=ignored)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / part)


#: Rules that only name files, and the sum of a dry run.
TARGETS = ("total", "report", "fetch", "corpora", "char_gpt")


def job_counts(planned: subprocess.CompletedProcess) -> dict[str, int]:
    """The jobs of a dry run by rule, without the total and the target rules; empty where nothing is to do."""
    assert planned.returncode == 0, planned.stdout + planned.stderr
    table = re.search(r"^job +count\n[- ]+\n(.*?)\n\n", planned.stdout + "\n\n", re.M | re.S)
    counts = {rule: int(count) for rule, count in re.findall(r"^([\w.-]+) +(\d+)$", table[1], re.M)} if table else {}
    return {rule: count for rule, count in counts.items() if rule not in TARGETS}
