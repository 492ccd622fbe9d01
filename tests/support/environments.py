"""The commands that set-up writes, in a folder beside a Python that is the one of the tests."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

from support.runs import CHECKOUT


def program(name: str):
    """A program of envs/ as a module."""
    specification = importlib.util.spec_from_file_location(name, CHECKOUT / "envs" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def commands(venv: Path) -> Path:
    """Write the commands for an environment; returns their folder."""
    folder = venv / "bin"
    folder.mkdir(parents=True)
    # A link would be another environment: Python looks for the packages beside the path that it is called by.
    (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (folder / "python").chmod(0o755)
    program("install").write_commands(venv)
    return folder
