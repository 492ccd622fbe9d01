"""Files that a job gets as lists, told apart by the folders they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from relab.errors import UserError


def by_name(paths: Iterable[str | Path], expected: Iterable[str], what: str) -> dict[str, Path]:
    """Files by the name of their folder, which is that of their model or corpus; ``what`` is the option's name.

    Raises:
        UserError: where one is missing or not asked for.
    """
    found = {Path(path).parent.name: Path(path) for path in paths}
    _check(found, set(expected), what)
    return found


def by_part(
    paths: Iterable[str | Path], makers: Iterable[str], source: str, parts: Sequence[str], what: str = "features"
) -> dict[tuple[str, str], Path]:
    """Files ``{maker}/{source}/{part}.…`` by maker and part: such as features, by encoder, of a data set.

    ``what`` is the option's name.

    Raises:
        UserError: where one is missing or not asked for.
    """
    found = {"/".join((*Path(path).parent.parts[-2:], Path(path).stem)): Path(path) for path in paths}
    places = {(maker, part): f"{maker}/{source}/{part}" for maker in makers for part in parts}
    _check(found, set(places.values()), what)
    return {key: found[place] for key, place in places.items()}


def _check(found: Iterable[str], expected: set[str], what: str) -> None:
    for name in sorted(set(found) ^ expected):
        raise UserError(f"--{what}: {'no file of' if name in expected else 'not expected: a file of'} {name}")
