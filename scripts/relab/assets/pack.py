"""Patterns of paths, and zip files that are the same bytes for the same members."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO


def is_pattern(member: str) -> bool:
    """Whether a member is a pattern of paths rather than a path."""
    return "*" in member


def path_matcher(pattern: str) -> Callable[[str], bool]:
    """A test for paths with ``/``: ``*`` is any name or part of a name, ``**`` any folders; neither matches hidden ones."""
    parts = []
    for part in pattern.split("/"):
        if part == "**":
            parts.append(r"(?:(?!\.)[^/]+/)*")
        else:
            literals = (re.escape(word) for word in part.split("*"))
            parts.append((r"(?!\.)" if part.startswith("*") else "") + "[^/]*".join(literals) + "/")
    compiled = re.compile("".join(parts).removesuffix("/"))
    return lambda path: compiled.fullmatch(path) is not None


def pack(members: Mapping[str, tuple[int, Callable[[], BinaryIO]]], path: Path) -> None:
    """Write a zip of ``{member path: (size in bytes, function that opens it)}``: stored, sorted, dates fixed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            size, open_member = members[name]
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = 0o644 << 16
            entry.file_size = size
            with open_member() as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 2**20)
