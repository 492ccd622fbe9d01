"""Snakemake on this checkout, for the subcommands that call it."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relab.errors import UserError
from relab.files import CHECKOUT

if TYPE_CHECKING:
    from relab.settings.config import Resolved

#: The end of the name of the record that each job makes.
RECORD = ".provenance.json"


def overlay_parser(name: str, description: str | None, **options: str) -> argparse.ArgumentParser:
    """The parser of a subcommand, with the option that names overlays of the default."""
    parser = argparse.ArgumentParser(
        prog=f"relab {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **options,
    )
    parser.add_argument(
        "--configfile", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="files laid over config/config.yaml, in order",
    )  # fmt: skip
    return parser


def run_parser(name: str, description: str | None, **options: str) -> argparse.ArgumentParser:
    """The parser of a subcommand, with the options that name a run."""
    parser = overlay_parser(name, description, **options)
    parser.add_argument("--directory", type=Path, default=Path(), metavar="RUN", help="folder of the run (default: here)")
    return parser


def merge(overlays: Iterable[Path], last: Mapping[str, Any] = types.MappingProxyType({})) -> dict[str, Any]:
    """The configuration of the checkout with the overlays and ``last`` laid over it, as Snakemake merges them."""
    from relab.settings.merging import merged

    return merged([*(CHECKOUT / "config" / name for name in ("assets.yaml", "config.yaml")), *overlays], last)


def load(overlays: Iterable[Path]) -> Resolved:
    """The settings that :func:`merge` gives, checked."""
    from relab.settings.config import resolve

    return resolve(merge(overlays))


def command(run: argparse.Namespace, *words: str) -> list[str]:
    """Snakemake's command line for a run, with more words."""
    overlays = ["--configfile", *map(str, run.configfile)] if run.configfile else []
    return ["snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--directory", str(run.directory), *overlays, *words]


def output(run: argparse.Namespace, *words: str, **variables: str) -> str:
    """What Snakemake prints of a run; ``variables`` are added to its environment.

    Raises:
        UserError: Snakemake ends with an error; the sentence is its own.
    """
    done = subprocess.run(command(run, *words), capture_output=True, encoding="utf-8", env={**environment(), **variables})
    if done.returncode:
        # An error in a function of a rule stands amid lines that say which.
        messages = done.stderr + done.stdout  # a dry run writes errors to the latter
        reason = re.search(r"WorkflowError:\n +(.+)", messages) or re.search(
            r"^\w+(?:Error|Exception):\n *(.+)", messages, re.M
        )
        raise UserError(reason[1] if reason else (done.stderr.strip() or f"snakemake {words[0]} failed").splitlines()[-1])
    return done.stdout


def environment() -> dict[str, str]:
    """The environment variables of Snakemake, whose jobs find the ``python`` of this environment by name.

    In every locale it takes settings and file names for UTF-8, as the files are.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PYTHONUTF8": "1", "PATH": path}


def make(target: str, name: str, description: str | None, words: Sequence[str]) -> None:
    """Become the Snakemake that makes a target, with the options of a subcommand; what stands after ``--`` goes to it, too."""
    end = words.index("--") if "--" in words else len(words)
    usage = f"relab {name} [--help] [--directory RUN] [--configfile FILE ...] [-- MORE ARGUMENTS FOR SNAKEMAKE]"
    run = run_parser(name, description, usage=usage).parse_args(words[:end])
    snakemake, *arguments = command(run, "--cores", "all", *words[end + 1 :], "--", target)
    # This process is replaced, so that signals reach Snakemake and its status is the command's.
    os.execvpe(snakemake, [snakemake, *arguments], environment())
