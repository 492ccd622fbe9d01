"""Programs that are started as forks of one process do what they would by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

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


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "sleep.py").write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
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


def test_a_program_ends_with_who_asked_for_it(environment):
    process = start(environment, "sleep.py")
    told = environment[1] / "pid"
    while not (told.exists() and told.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for _ in range(500):
        try:
            os.kill(int(told.read_text()), 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("the program goes on")
