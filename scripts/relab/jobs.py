"""Shared by the programs of all jobs: common options, settings, and the record of a job's provenance."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from relab.errors import UserError
from relab.files import CHECKOUT, sha256, write_json

#: Distributions whose version is recorded when a job has imported them.
RECORDED = (
    *("accelerate", "bm25s", "datasets", "evaluate", "gguf", "huggingface-hub", "ir-measures", "matplotlib", "nltk", "numpy"),
    *("pandas", "peft", "pyarrow", "rapidfuzz", "rouge-score", "sacrebleu", "scikit-learn", "seaborn", "sentencepiece"),
    *("skops", "tokenizers", "torch", "transformers"),
)

SettingsType = TypeVar("SettingsType", bound=BaseModel)


def job_parser(description: str | None) -> argparse.ArgumentParser:
    """An argument parser with the options of every job."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    job = parser.add_argument_group("every job")
    job.add_argument(
        "--inputs", nargs="*", default=[], metavar="FILE", help="all files that the job reads, for the record only"
    )
    job.add_argument("--spec", required=True, metavar="JSON", help="settings of this job as JSON")
    job.add_argument("--code", default="", metavar="DIGEST", help="digest of the code, for the record only")
    job.add_argument(
        "--run",
        default="",
        metavar="FOLDER/",
        help="what paths of files in the run begin with, for the record only (default: nothing)",
    )
    job.add_argument("--rehearsal", action="store_true", help="say in the record that the run is a rehearsal on stand-ins")
    job.add_argument("--provenance", required=True, type=Path, metavar="FILE", help="where to write how the output came to be")
    return parser


def job_settings(args: argparse.Namespace, model: type[SettingsType]) -> SettingsType:
    """The job's settings, validated by ``model``; unknown keys are an error.

    Texts that are only shown to readers are not in a spec: they are empty.

    Raises:
        UserError: where ``--spec`` is not JSON or does not fit.
    """
    from relab.settings.base import check, documentation_keys

    return check(model, {**{key: "" for key in documentation_keys(model)}, **job_spec(args)}, "--spec")


def job_spec(args: argparse.Namespace) -> dict[str, Any]:
    """The job's settings as JSON."""
    try:
        return json.loads(args.spec)
    except json.JSONDecodeError as error:
        raise UserError(f"--spec: not JSON ({error})") from None


@contextmanager
def record_provenance(
    args: argparse.Namespace, *, outputs: Iterable[str | Path], inputs: Iterable[str | Path] | None = None
) -> Iterator[dict[str, Any]]:
    """Write the provenance of a job if the block succeeds; the block may add keys (device, seed, attempts, …).

    ``inputs`` are by default the files of ``--inputs``, which are all that Snakemake passed.

    The record holds the job, its settings, digests of code, inputs and outputs, versions, commit, wall time in seconds, and
    peak resident memory in MiB. Times vary from run to run, so records are separate files.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    entry: dict[str, Any] = {"device": "cpu", "attempts": 1}
    yield entry
    entry |= {
        "job": getattr(args, "job", None) or Path(sys.argv[0]).stem,
        "spec": job_spec(args),
        "code": args.code,
        "inputs": {_recorded_path(path, args.run): sha256(path) for path in (args.inputs if inputs is None else inputs)},
        "outputs": {_recorded_path(path, args.run): sha256(path) for path in outputs},
        "versions": versions(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(time.perf_counter() - clock, 3),
        "peak_memory_mib": peak_memory(),
        **git_commit(),
        **({"rehearsal": True} if args.rehearsal else {}),
    }
    write_json(args.provenance, entry)


def _recorded_path(path: str | Path, run: str) -> str:
    """A path as recorded: relative to the run for a file in it, else relative to the checkout for a file in that."""
    path = Path(path)
    if run and path.is_relative_to(run):
        return path.relative_to(run).as_posix()
    return path.relative_to(CHECKOUT).as_posix() if path.is_absolute() and path.is_relative_to(CHECKOUT) else str(path)


def versions() -> dict[str, str]:
    """Versions of Python, the platform and the recorded distributions that this process has imported, as these tell them."""
    recorded = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in RECORDED:
        module = sys.modules.get("sklearn" if name == "scikit-learn" else name.replace("-", "_"))
        if module:
            recorded[name] = str(getattr(module, "__version__", None) or importlib.metadata.version(name))
    return recorded


def peak_memory() -> int:
    """Peak resident memory of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10


def git_commit() -> dict[str, Any]:
    """The checkout's commit and whether tracked files differ from it; empty where nothing is known of it.

    Where Git cannot say it, as in a container or on a node that got the sources alone, ``RELAB_COMMIT`` does
    (:func:`commit_name`).
    """

    command = ["git", "-C", CHECKOUT, "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        told = []
    for line in told:
        name, _, commit = line.rpartition(" ")
        if name == "# branch.oid" and commit.isalnum():  # "(initial)" before the first
            return {"commit": commit, "dirty": any(not line.startswith("#") for line in told)}
    commit, _, dirty = os.environ.get("RELAB_COMMIT", "").partition("-")
    return {"commit": commit, "dirty": bool(dirty)} if commit else {}


def commit_name() -> str:
    """The checkout's commit as a word, followed by ``-dirty`` where tracked files differ from it; empty where it is unknown."""
    revision = git_commit()
    return f"{revision['commit']}{'-dirty' * revision['dirty']}" if revision else ""
