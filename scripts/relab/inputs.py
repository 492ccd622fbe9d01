"""Files that a job gets as lists, identified by their folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from relab.errors import UserError


def by_name(paths: Iterable[str | Path], expected: Iterable[str], option: str) -> dict[str, Path]:
    """Files by the name of their folder, such as that of a model or a corpus.

    Raises:
        UserError: a file that is missing or not expected; the message names the ``option``.
    """
    files = {Path(path).parent.name: Path(path) for path in paths}
    _check_names(files, set(expected), option)
    return files


def by_part(
    paths: Iterable[str | Path], names: Iterable[str], source: str, parts: Sequence[str], option: str = "features"
) -> dict[tuple[str, str], Path]:
    """Files ``{name}/{source}/{part}.…`` by name and part, such as the features that encoders made of a data set.

    Raises:
        UserError: a file that is missing or not expected; the message names the ``option``.
    """
    files = {"/".join((*Path(path).parent.parts[-2:], Path(path).stem)): Path(path) for path in paths}
    keys = {(name, part): f"{name}/{source}/{part}" for name in names for part in parts}
    _check_names(files, set(keys.values()), option)
    return {name_and_part: files[key] for name_and_part, key in keys.items()}


def _check_names(names: Iterable[str], expected: set[str], option: str) -> None:
    for name in sorted(set(names) ^ expected):
        raise UserError(f"--{option}: {'no file of' if name in expected else 'not expected: a file of'} {name}")
