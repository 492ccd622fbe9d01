"""Programs look for garbage seldom, and not once they have ended."""

from __future__ import annotations

import os
import subprocess
import sys

from support.runs import CHECKOUT

PROGRAM = """\
import atexit, gc
from relab.errors import run
kept, searches = [], []
gc.callbacks.append(lambda phase, info: searches.append(phase))
atexit.register(lambda: print(len(searches), gc.get_freeze_count() - len(kept) > 0))
run(lambda: kept.extend([] for _ in range(40_000)))
"""


def test_a_program_that_makes_many_objects_searches_none_and_leaves_them_to_the_machine():
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "scripts")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr) == ("0 True\n", "")
