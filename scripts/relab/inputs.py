"""Files that a job gets as lists, told apart by the folders they lie in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from relab.errors import UserError


def by_name(paths: Iterable[str | Path], expected: Iterable[str], what: str) -> dict[str, Path]:
    """Files by the name of their folder, which is that of their model or corpus; ``what`` is the option's name.

    Raises:
        UserError: where one is missing or not asked for.
    """
    found = {Path(path).parent.name: Path(path) for path in paths}
    for name in sorted(set(found) ^ set(expected)):
        raise UserError(f"--{what}: {'no file of' if name in set(expected) else 'not expected: a file of'} {name}")
    return found
