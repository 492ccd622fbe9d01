"""Overlays that nobody foresaw: what a dry run takes, the jobs take, and what it does not take is told in one sentence.

Each is the tests' tiniest configuration with some settings drawn at random. To run their jobs takes minutes an overlay; what is
seen here of the dry run's promise is that each job gets settings that its program, or its step of a row, reads.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import random
import re
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from support.jobs import all_jobs
from support.overlays import drawn_overlay, tiny_configuration
from support.runs import CHECKOUT

from relab.errors import UserError
from relab.rows.job import Job
from relab.settings.base import canonical, check, documentation_keys
from relab.settings.config import Resolved, resolve

#: Seeds, of which each draws until an overlay is taken.
OVERLAYS = 6


class Reads(Exception):
    """The step has its settings, and reads the first of its files."""


@functools.cache
def settings_of_program(rule: str) -> Any:
    """The class by which the program of a rule checks its settings, where it names one before it starts."""
    program = CHECKOUT / "scripts" / f"{rule}.py"
    named = program.exists() and re.search(r"job_settings\(args, ([A-Z]\w+)\)", program.read_text(encoding="utf-8"))
    return runpy.run_path(str(program)).get(named[1]) if named else None


def stage_specs(resolved: Resolved) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What each job of a stage is set to, and the class of it."""
    for (rule, _), job in all_jobs(resolved).items():
        if model := settings_of_program(rule):
            spec = json.loads(job)
            yield model, spec[0] if isinstance(spec, list) else spec


def check_step(kind: str, function: str, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a step of a row, which reads its settings, then the first of its files, if any."""

    def read(*_: Any, **__: Any) -> None:
        raise Reads

    monkeypatch.setattr(Job, "file", read)
    monkeypatch.setattr(Job, "files", read)
    module, _, name = f"relab.rows.{kind}.{function}".rpartition(".")
    with contextlib.suppress(Reads):
        getattr(importlib.import_module(module), name)(Job({}, {}, spec))


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return tiny_configuration()


@pytest.mark.parametrize("seed", range(OVERLAYS))
def test_what_is_taken_is_what_the_jobs_take(raw, seed, monkeypatch):
    drawn = random.Random(seed)
    while True:
        try:
            resolved = resolve(drawn_overlay(raw, drawn))
            break
        except UserError as error:
            assert "\n" not in str(error)
    for model, spec in stage_specs(resolved):
        check(model, {**{key: "" for key in documentation_keys(model)}, **spec}, "--spec")
    for row, step in resolved.steps:
        spec = json.loads(canonical(row.settings.spec(step.name, row.paths, resolved.artefacts)))
        check_step(row.settings.kind, step.function, spec, monkeypatch)
