"""Overlays that ``relab check`` prints, and such as are drawn at random."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config
from support.runs import CHECKOUT, run_relab

from relab.settings.config import resolve
from relab.settings.layers import Written
from relab.settings.merging import merged

#: What is changed: not the assets, whose files are not there to be read.
SECTIONS = ("corpora", "tokenizers", "models", "samplings", "datasets", "encoders", "probes", "classifiers", "rows")


def overlay_of_check(path: Path) -> dict:
    """The overlay of a file or folder, which the configuration takes."""
    told = run_relab("check", path)
    assert told.returncode == 0, told.stderr
    overlay, merged = yaml.safe_load(told.stdout), {}
    for file in ("assets.yaml", "config.yaml"):
        update_config(merged, yaml.safe_load((CHECKOUT / "config" / file).read_text(encoding="utf-8")))
    resolve(merged | {kind: merged[kind] | declared for kind, declared in overlay.items()})
    return overlay


def tiny_configuration() -> dict[str, Any]:
    """The tests' tiniest configuration, whole."""
    return merged([CHECKOUT / name for name in ("config/assets.yaml", "config/config.yaml", "tests/config/tiny.yaml")])


def leaves(raw: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all values that are no mapping."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def another(value: Any, names: list[str], drawn: random.Random) -> Any:
    """A value of the same form that might be meant; of a name, one of the same kind."""
    value = value.value if isinstance(value, Written) else value
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


def drawn_overlay(raw: dict[str, Any], drawn: random.Random) -> dict[str, Any]:
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


class _Dumper(yaml.SafeDumper):
    """Writes words that were read without quotation marks as they were."""


def _as_written(dumper: yaml.SafeDumper, word: Written) -> yaml.ScalarNode:
    tag = dumper.resolve(yaml.ScalarNode, word, (True, False))
    return dumper.represent_scalar(tag, word)


_Dumper.add_representer(Written, _as_written)


def write_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write settings as YAML that is read as they are."""
    path.write_text(yaml.dump(settings, Dumper=_Dumper, allow_unicode=True, sort_keys=False), encoding="utf-8")
