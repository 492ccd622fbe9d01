"""A process's memory in huge pages holds what it held."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from relab import huge_pages

#: Fills 64 MB, moves them, and prints whether they are the same and what the system tells of the memory, where it does.
PROGRAM = """
from pathlib import Path
from relab.huge_pages import use_huge_pages

block = bytes(range(256)) * 2**18
held = bytearray(block)
use_huge_pages()
told = Path("/proc/self/smaps_rollup")
print(held == block, told.read_text() if told.exists() else "")
"""


def moves() -> bool:
    """Whether the system can move memory to huge pages: Linux 6.1 and later, where it has them."""
    if not Path("/sys/kernel/mm/transparent_hugepage").exists():
        return False
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups())) >= (6, 1)


def test_memory_holds_what_it_held_and_is_moved_where_the_system_can():
    variables = {**os.environ, "PYTHONPATH": str(Path(huge_pages.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=variables)
    same, _, told = done.stdout.partition(" ")
    assert same == "True"
    assert not moves() or int(re.search(r"AnonHugePages: +(\d+) kB", told)[1]) > 32_000


def test_a_system_that_does_not_tell_of_its_memory_is_left_as_it_is(monkeypatch):
    def no_such_file(*_: object, **__: object) -> str:
        raise FileNotFoundError("/proc/self/maps")

    monkeypatch.setattr(Path, "read_text", no_such_file)
    huge_pages.use_huge_pages()
