"""Settings that differ between two runs or two jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A key and its two values as JSON; a value is ``None`` where the key is not set."""

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.key}: {self.old or 'not set'} → {self.new or 'not set'}"


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """The leaves of two nested mappings that differ, by dotted key in alphabetical order; a list is one leaf.

    Records hold their settings in one notation, so that 1e-3 and 0.001 are the same here.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    pairs = ((key, before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys()))
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, json.dumps(value, ensure_ascii=False, sort_keys=True)
