"""A process's memory in huge pages holds what it held."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from relab import huge_pages

#: Fills 64 MB, moves them, and prints whether they are the same and how many KB of huge pages there are.
PROGRAM = """
from pathlib import Path
from relab.huge_pages import use_huge_pages

block = bytes(range(256)) * 2**18
held = [bytearray(block)]
use_huge_pages()
print(held[0] == block, Path("/proc/self/smaps_rollup").read_text().split("AnonHugePages:")[1].split()[0])
"""


def linux() -> tuple[int, ...]:
    """The version of the kernel; 0 elsewhere."""
    found = re.match(r"(\d+)\.(\d+)", platform.release()) if sys.platform == "linux" else None
    return tuple(map(int, found.groups())) if found else (0,)


@pytest.mark.skipif(linux() < (6, 1) or not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="needs Linux 6.1")
def test_memory_is_moved_and_holds_what_it_held():
    variables = {**os.environ, "PYTHONPATH": str(Path(huge_pages.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=variables)
    same, kilobytes = done.stdout.split()
    assert same == "True" and int(kilobytes) > 32_000


def test_a_system_that_does_not_tell_of_its_memory_is_left_as_it_is(monkeypatch):
    def no_such_file(*_: object, **__: object) -> str:
        raise FileNotFoundError("/proc/self/maps")

    monkeypatch.setattr(Path, "read_text", no_such_file)
    huge_pages.use_huge_pages()
