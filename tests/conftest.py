"""What all tests share: the checkout's place, its configuration as Snakemake merges it, Snakemake itself, one finished run."""

from __future__ import annotations

import copy
import functools
import gc
import os
import shutil
import sys
from pathlib import Path

# One thread a test process, as the jobs have, set before anything loads torch: the threads of two workers on two cores
# wait for each other three times as long as they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from filelock import FileLock
from support.runs import CHECKOUT, TINY, copy_checkout, copy_tree, fork_server_of, run_snakemake

from relab.garbage_collection import collect_seldom

collect_seldom()
# Thousands of processes read the library: they keep it compiled, also where a machine's environment says not to.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    """What is there until the end, thousands of tests and the libraries, is no garbage to look for."""
    gc.freeze()


@functools.cache
def _merged(*overlays: str) -> dict:
    from relab.settings.layers import as_meant
    from relab.settings.merging import merged

    return as_meant(merged(CHECKOUT / name for name in ("config/assets.yaml", "config/config.yaml", *overlays)))


@pytest.fixture
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture
def merged():
    """A function from overlays (paths below the checkout) to the merged raw configuration, a copy that may be changed."""
    return lambda *overlays: copy.deepcopy(_merged(*overlays))


@pytest.fixture(scope="session")
def tiny_checkout(tmp_path_factory) -> Path:
    """A copy of the checkout with a finished run of the tests' tiniest scale in it, made once for all workers.

    Its path has blanks. Copy it (:func:`moved_checkout`) before changing anything.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    copy = shared / "a checkout with blanks"
    finished = shared / "finished"
    with FileLock(shared / "tiny.lock"):
        if not finished.exists():
            shutil.rmtree(copy, ignore_errors=True)
            copy_checkout(copy)
            with fork_server_of(copy) as variables:
                done = run_snakemake(copy, "--cores", "2", "--resources", "gpu=1", *TINY, checkout=copy, **variables)
            assert done.returncode == 0, done.stdout + done.stderr
            finished.touch()
    return copy


@pytest.fixture
def moved_checkout(tiny_checkout, tmp_path) -> Path:
    """The finished run and its checkout, moved elsewhere together."""
    copy_tree(tiny_checkout, tmp_path / "moved")
    return tmp_path / "moved"
