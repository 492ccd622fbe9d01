"""Snakemake as forks of one process that has imported it: a dry run spends more than half of its time on what each does again.

As a program it reads requests, a line of JSON each, and answers with two lines: the number of the process that is Snakemake,
then its status. Each is a process of its own, with the arguments, folder and environment that were asked for; what it finds
done is imports, and the syntax trees of this checkout's programs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
#: What Snakemake and the rules import, beside plugins and the kinds of rows.
PRELOADED = (
    "smart_open",
    "requests",
    "snakemake.benchmark",
    "snakemake.cli",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake.storage",
    "relab.artefacts.registry",
    "relab.assets.plan",
    "relab.commands.workflow",
    "relab.digest",
    "relab.estimate",
    "relab.failures",
    "relab.fork_server",
    "relab.jobs",
    "relab.machine",
    "relab.menu",
    "relab.settings.config",
    "relab.settings.merging",
    "relab.slurm",
)
PLUGINS = ("snakemake_executor_plugin_", "snakemake_storage_plugin_", "snakemake_logger_plugin_")


class Server:
    """A running server, as who asks it sees it; it runs one Snakemake at a time."""

    def __init__(self, environment: dict[str, str]):
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, env=environment, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, words: list[str], folder: Path, environment: dict[str, str], output: Path, timeout: int) -> int:
        """Run Snakemake in a folder; what it says goes to the files ``output/stdout`` and ``output/stderr``.

        Returns:
            Its status, as of :class:`subprocess.CompletedProcess`.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
        """
        request = {"words": words, "folder": str(folder), "environment": environment, "output": str(output)}
        self._process.stdin.write(f"{json.dumps(request)}\n".encode())
        pid, status = int(self._process.stdout.readline()), None
        try:
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(["snakemake", *words], timeout)
            status = int(self._process.stdout.readline())
        finally:
            if status is None:  # the test has ended, too
                os.kill(pid, signal.SIGKILL)
                self._process.stdout.readline()
        return status

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def serve() -> dict | None:
    """Fork for each request; returns the request in the fork, and nothing once there are no more."""
    preload()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return json.loads(line)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return None


def preload() -> None:
    scripts = CHECKOUT / "scripts"
    sys.path.insert(0, str(scripts))  # where the rules look for the library; each fork's own do so again
    for name in (*PRELOADED, *(found.name for found in pkgutil.iter_modules() if found.name.startswith(PLUGINS))):
        importlib.import_module(name)
    from relab.digest import imports_and_code
    from relab.rows import registry

    for kind in registry.kinds():
        importlib.import_module(f"relab.rows.{kind}")
    for path in scripts.rglob("*.py"):
        imports_and_code(path.read_bytes(), path.relative_to(scripts))
    sys.path.remove(str(scripts))
    gc.freeze()  # so that forks go on sharing what was imported


def become(words: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """Be Snakemake, started as a module in a checkout's folder."""
    for number, stream in enumerate((os.devnull, f"{output}/stdout", f"{output}/stderr")):
        os.dup2(os.open(stream, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if Path(folder) != CHECKOUT:  # whose library is another one; what digests keep goes by the contents of files
        for name in [name for name in sys.modules if name.partition(".")[0] == "relab" and name != "relab.digest"]:
            del sys.modules[name]
    from snakemake import cli

    sys.argv, sys.path[0] = [str(Path(cli.__file__).with_name("__main__.py")), *words], folder
    cli.main()


if __name__ == "__main__":
    # what a request starts returns as a program does, with all that was to happen at its end
    if (request := serve()) is not None:
        become(**request)
