"""The configuration of a run on its page: every key with what it is, and which declarations an artefact depends on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from relab.artefacts.registry import KINDS
from relab.report.provenance import Job
from relab.rows.contract import DeclaredRow
from relab.settings.base import expand
from relab.settings.document import described

#: Stages whose folders are not called as the kind of artefact that their files come from.
STAGES = {"samples": "samplings", "features": "encoders"}


class Part(NamedTuple):
    """Some lines of the configuration: those of a declaration, ``models.gpt``, or of another key."""

    key: str
    text: str


def parts(config: Mapping[str, Any]) -> list[Part]:
    """The configuration as YAML, each key explained where it stands first, in parts that belong to a key each."""
    blocks: list[list[str]] = []
    keys, group, comments = [], "", []
    for line in described(dict(config)):
        match = re.match(r"(?P<inner>  )?(?P<name>[^\s#-][^:]*):", line)
        name = match["name"].strip("'\"") if match else ""
        if match and not match["inner"]:
            group = name
        starts = match and name in (config[group] if match["inner"] and isinstance(config[group], Mapping) else {group})
        if starts:
            keys.append(f"{group}.{name}" if match["inner"] else group)
            blocks.append([])
        if not starts and (not blocks or re.match(r" {0,2}#|$", line)):  # it explains the key that comes
            comments.append(line)
        else:
            blocks[-1] += [*comments, line]
            comments = []
    return [Part(key, "".join(f"{line}\n" for line in lines)) for key, lines in zip(keys, blocks, strict=True)]


class Dependencies:
    """Which declarations of the configuration the outputs of jobs come from."""

    def __init__(self, config: Mapping[str, Any], rows: Mapping[str, DeclaredRow]):
        self._keys = {os.path.normpath(path): f"rows.{key}" for key, row in rows.items() for path in row.files}
        self._members = {
            (kind, name): f"{kind}.{declaration}"
            for kind in KINDS
            if config.get(kind)
            for name, (_, _, declaration) in expand(kind, config[kind]).items()
        }

    def of(self, jobs: Iterable[Job]) -> list[str]:
        """The keys of the declarations behind some jobs, in alphabetical order: ``models.gpt``, ``rows.mine``."""
        keys = {self._key(path) for job in jobs for path in job.outputs}
        return sorted(keys - {None})

    def _key(self, path: str) -> str | None:
        if path in self._keys:
            return self._keys[path]
        _, stage, *names = PurePosixPath(path).parts
        kind, name = STAGES.get(stage, stage), names[0] if names else ""
        return self._members.get((kind, name)) or self._members.get((kind, PurePosixPath(name).stem))
