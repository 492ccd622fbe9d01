"""A row's job as its step sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from relab import inputs
from relab.errors import UserError

#: The name of a row's main table, whose file has the name of the row.
MAIN = "main"

SettingsType = TypeVar("SettingsType", bound=BaseModel)


@dataclass
class Job:
    """The files that a step reads and makes by name, its settings, and what it adds to its record (``device``, ``seed``)."""

    inputs: dict[str, list[Path]]
    outputs: dict[str, Path]
    spec: dict[str, Any]
    record: dict[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """The single input of this name.

        Raises:
            UserError: where there is none, or more than one.
        """
        paths = self.files(name)
        if len(paths) != 1:
            raise UserError(f"--input {name}: expected one file, found {len(paths)}")
        return paths[0]

    def files(self, name: str) -> list[Path]:
        """The inputs of this name, if any."""
        return self.inputs.get(name, [])

    def by_name(self, name: str, expected: Iterable[str]) -> dict[str, Path]:
        """The inputs of this name by artefact, as :func:`relab.inputs.by_name`."""
        return inputs.by_name(self.files(name), expected, f"input {name}")

    def settings(self, model: type[SettingsType]) -> SettingsType:
        """The settings of the step, typed.

        Raises:
            UserError: where they do not fit.
        """
        from relab.settings.base import check, documentation_keys

        return check(model, {**{key: "" for key in documentation_keys(model)}, **self.spec}, "--spec")
