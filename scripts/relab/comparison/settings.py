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

    Records hold settings in canonical notation, so 1e-3 and 0.001 are equal here.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    pairs = ((key, before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys()))
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def replaced_values(changed: list[Difference]) -> dict[str, str]:
    """Replaced values of sweeps, as in experiments' labels: ``{"width 32": "width 64"}`` for 32 in A and 64 in B.

    Only for sweeps that lost as many values as they gained; they are paired in order.
    """
    labels: dict[str, str] = {}
    for difference in changed:
        _, swept, path = difference.key.partition(".sweep.")
        if swept and difference.old and difference.new:
            old, new = json.loads(difference.old), json.loads(difference.new)
            gone, come = [value for value in old if value not in new], [value for value in new if value not in old]
            if len(gone) == len(come):
                key = path.rpartition(".")[2]
                labels |= {f"{key} {before}": f"{key} {after}" for before, after in zip(gone, come, strict=True)}
    return labels


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, json.dumps(value, ensure_ascii=False, sort_keys=True)
