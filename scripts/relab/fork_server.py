"""Start the programs of jobs as forks of one process that has imported their libraries: 0.2 seconds instead of three to seven.

As a program (``python fork_server.py PROGRAM WORDS ...``) it asks the server whose socket ``RELAB_FORK_SERVER`` names to run
a program with this process's arguments, environment, folder and standard streams, passes on the signals that ask it to end,
and ends as that program does. It imports little, so that it starts at once. Programs must not count on being a child of who
started them (Snakemake's benchmark files are told by :func:`fork_of`), and CUDA does not survive a fork.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

#: The environment variable that names the server's socket.
VARIABLE = "RELAB_FORK_SERVER"
#: What takes long to import, by the environment (``envs/{name}.yaml``) whose jobs import it, or by what few jobs do. In this
#: order: the report's metrics load less while Transformers is not there yet.
LIBRARIES = {
    "fetch": ["pandas"],
    "text": ["pandas", "pyarrow.parquet", "datasketch", "relab.settings.config"],
    "report": ["relab.metrics", "scipy.stats", "sacrebleu", "matplotlib.pyplot", "seaborn", "jinja2", "relab.rows.registry"],
    "fit": ["torch", "safetensors.torch", "sklearn.linear_model", "skops.io", "bm25s", "ir_measures"],
    "train": ["datasets", "sentencepiece", "relab.training.job", "relab.sampling.texts"],
    "adapters and quantisation": ["peft", "bitsandbytes"],
}


#: Programs after which the server moves its memory to huge pages, which takes as long as some dozens of programs then save.
HUGE_PAGES_AFTER = 40


def ask(words: list[str]) -> int:
    """Let the server run a program; returns its status, 128 plus the number of a signal that ended it.

    Where the server is gone, this process becomes the program.
    """

    def pass_on(number: int, _: object) -> None:
        connection.send(bytes([number]))

    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(os.environ[VARIABLE])
        except OSError:
            os.execv(sys.executable, [sys.executable, *words])
        request = json.dumps({"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
        streams = array.array("i", [0, 1, 2])
        connection.sendmsg([len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(request)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        status = connection.recv(4)
    return int.from_bytes(status, "big") if status else 1


def fork_of(pid: int) -> int | None:
    """The process that runs the program for the process ``pid``, which has asked this process's server to; None without one."""
    try:
        return int(os.readlink(f"{os.environ[VARIABLE]}.{pid}"))
    except (KeyError, OSError):
        return None


@contextlib.contextmanager
def serving(environment: dict[str, str], libraries: Iterable[str] = LIBRARIES) -> Iterator[dict[str, str]]:
    """Run a server that has imported some of :data:`LIBRARIES`, by default all, while the block runs; yields the environment
    with the variable by which jobs find it."""
    import shutil
    import subprocess
    import tempfile

    folder = Path(tempfile.mkdtemp())  # in a run's folder a socket's path could be too long
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)  # who asks before the server has imported all of it waits
        lifeline, held = os.pipe()  # which this process closes when it ends, however it does
        variables = {**environment, VARIABLE: str(path)}
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # as Snakemake's jobs
        files = [listening.fileno(), lifeline]
        command = [sys.executable, "-c", f"from relab.fork_server import serve; serve(*{files}, {[*libraries]})"]
        library = {**variables, **one_thread, "PYTHONPATH": str(Path(__file__).parents[1])}
        # what libraries say when they are imported is not for who reads Snakemake's output
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=library, pass_fds=files, **silent)
        os.close(lifeline)
    try:
        yield variables
    finally:
        os.close(held)
        process.terminate()  # which counts while it still imports
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def serve(number: int, lifeline: int, libraries: Iterable[str]) -> None:
    """Import some of :data:`LIBRARIES` and fork for each request at a socket, until the other end of a pipe is closed and the
    programs have ended.

    ``number`` and ``lifeline`` are the descriptors of the listening socket and of this end of the pipe.
    """
    import gc
    import importlib
    import shutil

    from relab.garbage_collection import collect_seldom
    from relab.huge_pages import use_huge_pages

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked, who passes it on
    collect_seldom()
    for name in [name for key, names in LIBRARIES.items() if key in libraries for name in names]:
        importlib.import_module(name)
    gc.freeze()  # so that forks go on sharing what was imported
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ctrl-C
    programs: list[_Program] = []
    started = 0
    with socket.socket(fileno=number) as listening:
        sources = [listening, lifeline]
        while sources or programs:
            ready, _, _ = select.select([*sources, *(source for program in programs for source in program.watched())], [], [])
            if lifeline in ready:
                sources = []
            elif listening in ready:
                programs += (new := _started(listening))
                started += len(new)
                if new and started == HUGE_PAGES_AFTER:
                    use_huge_pages()
            programs = [program for program in programs if not program.attend(ready)]
    shutil.rmtree(Path(os.environ[VARIABLE]).parent, ignore_errors=True)


def _started(listening: socket.socket) -> list[_Program]:
    """The program that the next connection asks for, started; none where who asked is gone."""
    connection, _ = listening.accept()
    head, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i", ancillary[0][2] if ancillary else b"")
    size, request = int.from_bytes(head, "big"), b""
    while len(request) < size and (received := connection.recv(2**16)):
        request += received
    started = []
    if request and len(request) == size:
        pid = os.fork()
        if pid == 0:
            listening.close()
            connection.close()
            os.setpgid(0, 0)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            _run(**json.loads(request))
        started = [_Program(pid, connection)]
    for stream in streams:
        os.close(stream)
    return started


class _Program:
    """A program that runs as a fork, and who has asked for it."""

    def __init__(self, pid: int, connection: socket.socket):
        self._pid, self._end = pid, os.pidfd_open(pid)
        self._connection: socket.socket | None = connection
        with contextlib.suppress(OSError):  # it may have done so itself, or have ended
            os.setpgid(pid, pid)
        form = "3i"
        caller, _, _ = struct.unpack(form, connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form)))
        self._link = f"{os.environ[VARIABLE]}.{caller}"
        with contextlib.suppress(FileExistsError):  # of a caller of this number that is gone, whose program is still ending
            os.symlink(str(pid), self._link)

    def watched(self) -> list[int | socket.socket]:
        """What is ready once there is something to attend to."""
        return [self._end, self._connection] if self._connection else [self._end]

    def attend(self, ready: list) -> bool:
        """Pass on a signal, end the program when who asked is gone, and tell its status once it has ended; returns whether."""
        if self._end in ready:
            self._tell_status()
            return True
        if self._connection in ready:
            numbers = self._connection.recv(1)
            os.killpg(self._pid, numbers[0] if numbers else signal.SIGTERM)
            if not numbers:
                self._connection = None
        return False

    def _tell_status(self) -> None:
        with contextlib.suppress(OSError):  # the server may be gone with its folder
            os.unlink(self._link)
        _, status = os.waitpid(self._pid, 0)  # its processor time is now this process's, as that of all children
        os.close(self._end)
        code = os.waitstatus_to_exitcode(status)
        if self._connection:
            with contextlib.suppress(OSError), self._connection:
                self._connection.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))


def _run(words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be the program: its arguments, folder and environment."""
    import runpy

    from huggingface_hub import constants

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory is the program's, not the server's
    os.environ.clear()
    os.environ.update(environment)
    constants.HF_HUB_OFFLINE = environment.get("HF_HUB_OFFLINE") == "1"  # read when it is imported
    os.chdir(folder)
    sys.argv, status = words, 0
    sys.path[0] = str(Path(words[0]).resolve().parent)
    if Path(sys.path[0]) != Path(__file__).resolve().parents[1]:  # of another checkout, whose library is another one
        for name in [name for name in sys.modules if name.partition(".")[0] == "relab"]:
            del sys.modules[name]
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1:]))
