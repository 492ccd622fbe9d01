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
    """What differs in two nested mappings, by dotted key in alphabetical order.

    A list is one value, and so is a mapping that only one of them has: a new model is one difference, not one of each key.
    Records hold settings in canonical notation, so 1e-3 and 0.001 are equal here.
    """
    return sorted(_differences(old, new), key=lambda difference: difference.key)


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


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[Difference]:
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, f"{prefix}{name}.")
            continue
        texts = [_json(settings[name]) if name in settings else None for settings in (old, new)]
        if texts[0] != texts[1]:
            yield Difference(f"{prefix}{name}", *texts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
