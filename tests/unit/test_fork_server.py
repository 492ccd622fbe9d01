"""Programs that are started as forks of one process do what they would by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from relab import fork_server

PROGRAM = """\
import os, sys, torch
print(sys.argv[1:], os.path.basename(os.getcwd()), os.environ["COLOUR"], float(torch.ones(2).sum()))
print(sys.stdin.read(), file=sys.stderr)
if sys.argv[1] == "error":
    sys.exit("a sentence")
if sys.argv[1] == "mistake":
    1 / 0
sys.exit(int(sys.argv[1]))
"""
SLEEPER = """\
import os, signal, sys, time

def end(number, _):
    print("asked by", number)
    sys.exit(7)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
open("pid", "w").write(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "sleep.py").write_text(SLEEPER)
    with fork_server.serving({**os.environ, "COLOUR": "of the server"}) as environment:
        yield environment, folder


def start(environment, *words: str, **options) -> subprocess.Popen:
    variables, folder = environment
    command = [sys.executable, "-S", fork_server.__file__, *words]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, cwd=folder, env={**variables, "COLOUR": "red"}, **streams, **options)


def test_arguments_folder_environment_streams_and_status_are_the_callers(environment):
    process = start(environment, "program.py", "3")
    out, err = process.communicate("hello")
    assert (out, err, process.returncode) == (f"['3'] {environment[1].name} red 2.0\n", "hello\n", 3)


@pytest.mark.parametrize(("word", "said"), [("error", "a sentence"), ("mistake", "ZeroDivisionError: division by zero")])
def test_an_error_is_told_and_is_status_1(environment, word, said):
    process = start(environment, "program.py", word)
    _, err = process.communicate("")
    assert (process.returncode, err.splitlines()[-1]) == (1, said)


def start_to_sleep(environment) -> tuple[subprocess.Popen, Path]:
    """A program that sleeps, once it does, and the file that holds its number."""
    told = environment[1] / "pid"
    told.unlink(missing_ok=True)
    process = start(environment, "sleep.py")
    while not (told.exists() and told.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    return process, told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_is_asked_to_end_and_may_say_how(environment, number):
    process, _ = start_to_sleep(environment)
    process.send_signal(number)
    out, _ = process.communicate()
    assert (out, process.returncode) == (f"asked by {number}\n", 7)


def test_a_server_that_is_told_to_end_goes_on_for_its_programs(tmp_path):
    """As where a cluster ends all processes of a job: a training still saves, and says so."""
    (tmp_path / "sleep.py").write_text(SLEEPER)
    with fork_server.serving(dict(os.environ), ["fetch"]) as variables:
        process, told = start_to_sleep((variables, tmp_path))
        psutil.Process(int(told.read_text())).parent().terminate()
        process.send_signal(signal.SIGTERM)
        assert process.communicate() == (f"asked by {signal.SIGTERM}\n", "")
    assert process.returncode == 7


def test_the_process_of_a_program_is_known(environment, monkeypatch):
    process, told = start_to_sleep(environment)
    monkeypatch.setenv(fork_server.VARIABLE, environment[0][fork_server.VARIABLE])
    assert fork_server.fork_of(process.pid) == int(told.read_text())
    process.terminate()
    process.communicate()
    assert fork_server.fork_of(process.pid) is None


def test_a_program_runs_without_a_server_that_is_gone(environment, tmp_path):
    variables, folder = environment
    process = start(({**variables, fork_server.VARIABLE: str(tmp_path / "none")}, folder), "program.py", "3")
    out, err = process.communicate("hello")
    assert (out, err, process.returncode) == (f"['3'] {folder.name} red 2.0\n", "hello\n", 3)


def test_a_programs_peak_of_memory_is_its_own(environment):
    """The server's would hide what a program of less memory takes."""
    variables, folder = environment
    (folder / "peak.py").write_text(
        "import resource\nold = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nblock = b'x' * 2**26\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - old)\n"
    )
    out, _ = start(environment, "peak.py").communicate()
    assert int(out) > 0.9 * 2**16


def test_a_program_ends_with_who_asked_for_it(environment):
    process, told = start_to_sleep(environment)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for _ in range(500):
        try:
            os.kill(int(told.read_text()), 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("the program goes on")


def test_the_processor_time_of_forks_is_counted_for_who_started_the_server(tmp_path):
    (tmp_path / "work.py").write_text("import time\nwhile time.process_time() < 2: pass\n")
    before = sum(os.times()[2:4])
    with fork_server.serving(dict(os.environ), ["fetch"]) as variables:
        start((variables, tmp_path), "work.py").communicate("")
    assert sum(os.times()[2:4]) - before > 2
