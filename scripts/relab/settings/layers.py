"""YAML as users write it: read without loss, and turned into what each key means.

YAML 1.1 takes the words ``no``, ``on`` and ``true`` for truth values and ``1984`` for a number, and lets the second of two
equal keys win. Here a key stands once; keys are always text; and a value that YAML takes for a number or a truth value stays
the word that was typed (:class:`Written`) until the type of its setting says which of the two is meant (:func:`as_meant`).
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel

from relab.errors import UserError
from relab.settings.base import kinds_of

_TEXT = "tag:yaml.org,2002:str"


class Written(str):
    """A word without quotation marks that YAML reads as a number or a truth value: the word, and that ``value``."""

    value: Any


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML's safe loader, but for words without quotation marks."""


def _written(construct: Any) -> Any:
    def constructed(loader: _Loader, node: yaml.ScalarNode) -> Any:
        value = construct(loader, node)
        if node.style:
            return value
        word = Written(node.value)
        word.value = value
        return word

    return constructed


for _type in ("bool", "int", "float"):
    _Loader.add_constructor(
        f"tag:yaml.org,2002:{_type}", _written(getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{_type}"))
    )
# no setting is a date
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.constructor.SafeConstructor.construct_yaml_str)


def read_layer(path: str | Path) -> Any:
    """What stands in a file of YAML or, by its ending, of JSON; words that are not text to YAML are :class:`Written`.

    Raises:
        UserError: naming the file and the line: no YAML, a key that stands twice (with both lines), a key that is no word, a
            value that holds itself.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        if str(path).endswith(".json"):
            return json.loads(text, object_pairs_hook=lambda pairs: _distinct(pairs, str(path)))
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_keys(node, str(path), ())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except FileNotFoundError:
        raise UserError(f"{path}: expected a file of settings, found none") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "context", None) or " ".join(str(error).split())
        raise UserError(f"{path}{line}: not YAML ({reason})") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: expected UTF-8 text") from None


def _distinct(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"{name}: the key {key!r} stands twice in one group; expected it once")
    return dict(pairs)


def _check_keys(node: yaml.Node, name: str, above: tuple[yaml.Node, ...]) -> None:
    """Check the keys of all groups below a node, and make them text."""
    if node in above:
        raise UserError(f"{name}, line {node.start_mark.line + 1}: expected a value, found one that holds itself")
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, name, (*above, node))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{name}, line {line}: expected a word as a key, found a list or a group")
        if key.value in lines:
            raise UserError(
                f"{name}, line {line}: the key {key.value!r} stands in line {lines[key.value]} already; expected it once"
            )
        lines[key.value] = line
        if key.style or key.value != "<<":  # what an anchor merges in
            key.tag = _TEXT
        _check_keys(value, name, (*above, node))


def as_meant(value: Any, *meanings: Any) -> Any:
    """A value with each :class:`Written` word as its setting's type means it: the word for a text, else what YAML reads.

    Args:
        value: what :func:`read_layer` read, or a part of it.
        meanings: the types that the value may have; without one, words are what YAML reads.
    """
    meanings = tuple(meaning for annotation in meanings for meaning in _alternatives(annotation))
    if isinstance(value, Written):
        return str(value) if _is_text(meanings) else value.value
    if isinstance(value, list):
        items = [
            inner for meaning in meanings if typing.get_origin(meaning) in (list, tuple) for inner in typing.get_args(meaning)
        ]
        return [as_meant(item, *items) for item in value]
    if isinstance(value, dict):
        return {str(key): as_meant(inner, *_below(meanings, key, value.get("kind"))) for key, inner in value.items()}
    return value


def read_yaml(path: str | Path, *meanings: Any) -> Any:
    """What stands in a file of YAML, as its types mean it: :func:`read_layer` and :func:`as_meant`."""
    return as_meant(read_layer(path), *meanings)


def _alternatives(annotation: Any) -> list[Any]:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _alternatives(inner[0])
    if origin in (typing.Union, types.UnionType):
        return [meaning for member in inner for meaning in _alternatives(member)]
    return [annotation]


def _is_text(meanings: Iterable[Any]) -> bool:
    """Whether a word can be nothing but text."""
    scalars = {
        type(member) if typing.get_origin(meaning) is typing.Literal else member
        for meaning in meanings
        for member in (typing.get_args(meaning) if typing.get_origin(meaning) is typing.Literal else (meaning,))
    }
    return str in scalars and not scalars & {bool, int, float, Any}


def _below(meanings: Iterable[Any], key: str, kind: Any) -> list[Any]:
    """The types that the value of a key may have."""
    groups = [meaning for meaning in meanings if isinstance(meaning, type) and issubclass(meaning, BaseModel)]
    of_kind = [group for group in groups if kind is not None and kind in kinds_of(group)]
    fields = [group.model_fields[key].annotation for group in of_kind or groups if key in group.model_fields]
    return fields + [typing.get_args(meaning)[1] for meaning in meanings if typing.get_origin(meaning) is dict]
