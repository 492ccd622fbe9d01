"""The documentation of settings, generated from the typed settings.

``python -m relab.settings.document`` rewrites the JSON schema, the key tables of ``config/README.md`` and the comments of
``config/config.yaml``; ``--check`` says what has drifted and ends with status 1. What stands between the markers of the
README and every comment of ``config.yaml`` is generated: change descriptions in the settings, values in the file.
"""

from __future__ import annotations

import argparse
import functools
import json
import operator
import sys
import textwrap
import typing
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from relab.files import write_text
from relab.rows.registry import kinds, row_kind
from relab.settings.base import NAME, Declaration, models_in
from relab.settings.claims import Claim, ClaimFamily
from relab.settings.config import config_model
from relab.settings.writeups import Chapter, Kind, Report

#: The type of a row of any kind, and of the whole configuration with such rows.
AnyRow = Annotated[functools.reduce(operator.or_, (row_kind(kind, kind) for kind in kinds())), Field(discriminator="kind")]
Config = config_model(AnyRow)

BEGIN, END = "<!-- generated: keys -->", "<!-- generated: end -->"


# --- the JSON schema --------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The schema of a whole configuration, without references (the workflow catalogue wants none).

    Inside declarations nothing is required, since a sweep may supply it; numbers may be texts such as ``1e-3``, which is
    what YAML makes of them.
    """
    whole = Config.model_json_schema()
    definitions = whole.pop("$defs")
    kinds = {name for name, field in Config.model_fields.items() if _declares(field)}
    whole["properties"] = {
        name: _inline(inner, definitions, required=name not in kinds) for name, inner in whole["properties"].items()
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def _declares(field: FieldInfo) -> bool:
    return any(issubclass(model, Declaration) for model in models_in(field.annotation))


def _inline(node: Any, definitions: dict[str, Any], required: bool) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions, required) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _inline({**definitions[node["$ref"].rpartition("/")[2]], **beside}, definitions, required)
    kept = {key: value for key, value in node.items() if key not in ("discriminator", "title", "documentation")}
    if not required:
        kept.pop("required", None)
        if "oneOf" in kept:  # without the kind, which tells them apart, a group may fit several
            kept["anyOf"] = kept.pop("oneOf")
        if kept.get("pattern") == f"^{NAME}$":  # in a declaration, a name may hold a swept key in braces
            kept["pattern"] = "^[A-Za-z0-9{][A-Za-z0-9._{}-]*$"
    inlined = {key: _inline(value, definitions, required) for key, value in kept.items()}
    if "properties" in node:  # a key may be called like a word of the schema language
        inlined["properties"] = {key: _inline(value, definitions, required) for key, value in node["properties"].items()}
    if inlined.get("type") in ("number", "integer"):
        inlined["type"] = [inlined["type"], "string"]
    return inlined


# --- the tables of the README -----------------------------------------------------------------------------------------


def tables() -> str:
    """Markdown tables of every key, a section a group of keys."""
    seen: set[type[BaseModel]] = {Config}
    parts = ["## Top level\n\n" + _table(Config), *_sections_below(Config, "", seen)]
    parts.append("## The ledger: `writeups/*.claims.yaml`, and `claims` of your own")
    parts += [*_sections(ClaimFamily, "NAME", seen), *_sections(Claim, "NAME", seen)]
    for title, model in (
        ("The report: `writeups/report.yaml`", Report),
        ("A write-up: `writeups/*.yaml`", Chapter),
        ("How a kind of row is shown: `scripts/relab/rows/*/show.yaml`", Kind),
    ):
        parts += [f"## {title}\n\n{_table(model)}", *_sections_below(model, "", seen)]
    return "\n\n".join(parts)


def _sections(model: type[BaseModel], path: str, seen: set[type[BaseModel]]) -> list[str]:
    """The sections of a group and of the groups inside it, but for those that have been seen."""
    if model in seen:
        return []
    seen.add(model)
    kind = model.model_fields.get("kind")
    tag = f" with `kind: {typing.get_args(kind.annotation)[0]}`" if kind and typing.get_args(kind.annotation) else ""
    about = " ".join((model.__doc__ or "").split("\n\n")[0].split())
    return [f"### `{path}`{tag}\n\n{about}\n\n{_table(model)}", *_sections_below(model, f"{path}.", seen)]


def _sections_below(model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]) -> list[str]:
    endings = {dict: ".NAME", list: "[]"}
    return [
        section
        for name, field in model.model_fields.items()
        for inner in models_in(field.annotation)
        for section in _sections(inner, f"{prefix}{name}{endings.get(typing.get_origin(field.annotation), '')}", seen)
    ]


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | value | default | what it is |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field)
        cells = [f"`{name}`", _type(field), default, field.description or "Tells the kinds apart."]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its defaults"
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {bound:g}"
        for constraint in field.metadata
        for word, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if (bound := getattr(constraint, word, None)) is not None
    ]
    return ", ".join([_type_name(field.annotation), *bounds])


def _type_name(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), [arg for arg in typing.get_args(annotation) if arg is not type(None)]
    if origin is typing.Annotated:
        return _type_name(inner[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is dict:
        return f"by name: {_type_name(inner[1])}"
    if origin in (list, tuple):
        return "list of " + _type_name(inner[0])
    if inner:
        names = dict.fromkeys(map(_type_name, inner))
        return "group" if set(names) == {"group"} else " or ".join(names)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "group"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))


# --- the comments of config.yaml --------------------------------------------------------------------------------------


def commented(values: dict[str, Any]) -> str:
    """``values`` as YAML in which every key has its description above it where it stands first."""
    head = (
        "# The embedded default: real corpora and models that come inside registry packages, sized for two CPU cores.\n"
        "# Every key is explained where it stands first, all of them in README.md beside this file. The comments are\n"
        "# generated (make docs); write your own reasons into the `note` of a declaration.\n"
    )
    return head + "\n".join(described(values)) + "\n"


def described(values: dict[str, Any]) -> list[str]:
    """The lines of a configuration as YAML, in which every key has its description above it where it stands first."""
    return _emit(values, [Config], 0, set())


def _emit(values: dict[str, Any], models: list[type[BaseModel]], depth: int, described: set[tuple]) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    models = _of_kind(models, values.get("kind"))
    for key, value in values.items():
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        # the key of a declaration or of a free mapping is no field: what is below it is described by the same models
        below = [model for field in fields for model in models_in(field.annotation)] if fields else models
        mark = (key, tuple(model.__name__ for model in models))
        if fields and fields[0].description and mark not in described:
            described.add(mark)
            if depth == 0:
                lines.append("")
            lines += [f"{indent}# {line}" for line in textwrap.wrap(fields[0].description, 118 - len(indent))]
        if isinstance(value, dict) and value:
            lines.append(f"{indent}{_word(key)}:")
            lines += _emit(value, below, depth + 1, described)
        else:
            lines += _leaf(key, value, indent)
    return lines


def _of_kind(models: list[type[BaseModel]], kind: Any) -> list[type[BaseModel]]:
    """The groups of a kind; all of them where they have no kind."""
    fields = {model: model.model_fields.get("kind") for model in models}
    chosen = [model for model, field in fields.items() if field and kind in typing.get_args(field.annotation)]
    return chosen or models


def _word(key: str) -> str:
    """A key as YAML, quoted where it has to be."""
    return yaml.safe_dump(key, allow_unicode=True, width=10**6).split("\n")[0]


def _leaf(key: str, value: Any, indent: str) -> list[str]:
    word = _word(key)
    if isinstance(value, str) and "\n" in value:
        return [f"{indent}{word}: {json.dumps(value, ensure_ascii=False)}"]
    if isinstance(value, list) and any(isinstance(item, str) and "\n" in item for item in value):
        return [f"{indent}{word}:", *(f"{indent}- {json.dumps(item, ensure_ascii=False)}" for item in value)]
    if isinstance(value, str) and len(value) > 90 and " ".join(value.split()) == value:
        return [f"{indent}{word}: >-", *(f"{indent}  {line}" for line in textwrap.wrap(value, 116 - len(indent)))]
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10**6, default_flow_style=True)
    return [f"{indent}{word}: {text.removesuffix(chr(10)).removesuffix('...').rstrip()}"]


# --- the files --------------------------------------------------------------------------------------------------------


def generated(config: Path) -> dict[Path, str]:
    """What each generated file must hold, by its path below the ``config`` folder."""
    readme = (config / "README.md").read_text(encoding="utf-8")
    before, after = readme.split(BEGIN)[0], readme.split(END)[1]
    values = yaml.safe_load((config / "config.yaml").read_text(encoding="utf-8"))
    return {
        config / "schemas" / "config.schema.yaml": "# Generated from scripts/relab/settings (make docs).\n"
        + yaml.safe_dump(schema(), sort_keys=False, allow_unicode=True, width=120),
        config / "README.md": f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}",
        config / "config.yaml": commented(values),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; end with status 1 if a file has drifted")
    arguments = parser.parse_args()
    config = Path(__file__).resolve().parents[3] / "config"
    drifted = {
        path: text for path, text in generated(config).items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in drifted.items():
        print(f"{path.relative_to(config.parent)} {'has drifted; run make docs' if arguments.check else 'rewritten'}")
        if not arguments.check:
            write_text(path, text)
    sys.exit(1 if arguments.check and drifted else 0)


if __name__ == "__main__":
    main()
