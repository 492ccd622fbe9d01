"""What all tests share: the checkout's place, its configuration as Snakemake merges it, Snakemake itself, one finished run."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

CHECKOUT = Path(__file__).resolve().parents[1]
TINY = CHECKOUT / "tests" / "config" / "tiny.yaml"


@functools.cache
def _merged(*overlays: str) -> dict:
    from snakemake.utils import update_config

    merged: dict = {}
    for name in ("config/assets.yaml", "config/config.yaml", *overlays):
        update_config(merged, yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8")))
    return merged


@pytest.fixture
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture
def merged():
    """A function from overlays (paths below the checkout) to the merged raw configuration, a copy that may be changed."""
    return lambda *overlays: copy.deepcopy(_merged(*overlays))


def environment(**more: str) -> dict[str, str]:
    """The environment of a job: this interpreter first on the path, no network, one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RELAB_", "SNAKEMAKE_", "PYTEST_"))}
    return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


def run_snakemake(directory: Path, *words: str, checkout: Path = CHECKOUT, **more: str) -> subprocess.CompletedProcess:
    """Run Snakemake on a checkout's Snakefile in the folder of a run; returns its output whatever its status."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile", "--directory", directory]
    return subprocess.run(
        [*map(str, command), *words], capture_output=True, text=True, env=environment(**more), cwd=checkout, timeout=900
    )


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """The folder of a finished run at the tests' tiniest scale, made once for all workers: copy it before changing it."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    run = shared / "a run with blanks"
    with FileLock(shared / "tiny.lock"):
        if not (run / "finished").exists():
            shutil.rmtree(run, ignore_errors=True)
            cache = str(shared / "cache")
            done = run_snakemake(run, "--cores", "2", "--resources", "gpu=1", "--configfile", str(TINY), RELAB_CACHE=cache)
            assert done.returncode == 0, done.stdout + done.stderr
            (run / "finished").touch()
    return run


@pytest.fixture
def copied_run(tiny_run, tmp_path) -> Path:
    """A copy of the finished run, ``.snakemake`` with it, as a user would move it."""
    shutil.copytree(tiny_run, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"
