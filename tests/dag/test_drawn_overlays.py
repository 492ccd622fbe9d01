"""Overlays that nobody foresaw: what a dry run takes, the jobs take, and what it does not take is told in one sentence.

Each is the tests' tiniest configuration with some settings drawn at random. To run their jobs takes minutes an overlay; what is
seen here of the dry run's promise is that each job gets settings that its program, or its step of a row, reads.
"""

from __future__ import annotations

import contextlib
import copy
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
from support.runs import CHECKOUT

from relab.errors import UserError
from relab.rows.job import Job
from relab.settings.base import canonical, check, documentation_keys
from relab.settings.config import Resolved, resolve
from relab.settings.merging import merged

LAYERS = [CHECKOUT / name for name in ("config/assets.yaml", "config/config.yaml", "tests/config/tiny.yaml")]

#: What is changed: not the assets, whose files are not there to be read.
SECTIONS = ("corpora", "tokenizers", "models", "samplings", "datasets", "encoders", "probes", "classifiers", "rows")

#: Seeds, of which each draws until an overlay is taken.
OVERLAYS = 6


class Reads(Exception):
    """The step has its settings, and reads the first of its files."""


def leaves(raw: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all values that are no mapping."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def another(value: Any, names: list[str], drawn: random.Random) -> Any:
    """A value of the same form that might be meant; of a name, one of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return drawn.choice([value + 1, 2 * value, max(value // 2, 1), 1])
    if isinstance(value, float):
        return drawn.choice([value / 2, value * 1.5, 1.0, 0.0])
    if isinstance(value, list):
        return drawn.choice(
            [value[:1], value[::-1], value[1:], [*value, *map(lambda each: another(each, names, drawn), value[:1])]]
        )
    if value in names:
        return drawn.choice(names)
    return value if drawn.random() < 0.5 else None


def overlay(raw: dict[str, Any], drawn: random.Random) -> dict[str, Any]:
    """The configuration with a few values changed."""
    raw = copy.deepcopy(raw)
    names = {kind: list(raw[kind]) for kind in SECTIONS if kind in raw}
    kind_of = {name: kind for kind, declared in names.items() for name in declared}
    paths = [path for section in names for path in leaves(raw[section], (section,))]
    for path in drawn.sample(paths, drawn.randint(2, 6)):
        group = raw
        for key in path[:-1]:
            group = group[key]
        value = group[path[-1]]
        alike = names[kind_of[value]] if isinstance(value, str) and value in kind_of else []
        group[path[-1]] = another(value, alike, drawn)
    return raw


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
    return merged(LAYERS)


@pytest.mark.parametrize("seed", range(OVERLAYS))
def test_what_is_taken_is_what_the_jobs_take(raw, seed, monkeypatch):
    drawn = random.Random(seed)
    while True:
        try:
            resolved = resolve(overlay(raw, drawn))
            break
        except UserError as error:
            assert "\n" not in str(error)
    for model, spec in stage_specs(resolved):
        check(model, {**{key: "" for key in documentation_keys(model)}, **spec}, "--spec")
    for row, step in resolved.steps:
        spec = json.loads(canonical(row.settings.spec(step.name, row.paths, resolved.artefacts)))
        check_step(row.settings.kind, step.function, spec, monkeypatch)
