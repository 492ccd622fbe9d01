"""What all settings share: strictness, documentation in place, names, sweeps, one canonical form, clear errors."""

from __future__ import annotations

import difflib
import itertools
import json
import re
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from relab.errors import UserError

#: Names stand in paths and wildcards: letters, digits, dots, dashes and underscores, starting with a letter or digit.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
#: A name in which a swept key may stand in braces: ``{corpus}-characters``.
Template = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9{][A-Za-z0-9._{}-]*$")]

Scalar = str | int | float | bool


def _number(value: Any) -> Any:
    """A number as YAML reads it; ``yes``, ``no``, true and false are refused, which pydantic would take as 0 or 1."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {value} (YAML reads no, off and false as False, yes and on as True)")
    if isinstance(value, str):  # PyYAML reads 1e-3 and 3e8 as text
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"expected a number, found the text {value!r}") from None
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return value


#: Numbers as a user may write them in YAML: ``0.001``, ``1e-3`` (which YAML reads as text), ``5000``, ``5e3``.
Int = Annotated[int, BeforeValidator(_number)]
Float = Annotated[float, BeforeValidator(_number)]

#: The number format of a job's network; see :mod:`relab.precision`.
Precision = Literal["auto", "float32", "bfloat16"]
#: That of the weights of language models that run and are not trained.
WeightPrecision = Annotated[
    Literal["auto", "float32", "bfloat16", "8bit", "4bit", "dynamic_int8"],
    Field(
        description="Number format of the weights of the language models that run. `auto`: float32, on a CUDA card the one "
        "that they are stored in. `bfloat16` takes half the memory, and half the time on a CPU with AVX512-BF16 or AMX, but "
        "twice the time on another. `8bit` and `4bit` round the weights of linear layers by bitsandbytes (LLM.int8, NF4). "
        "`dynamic_int8` rounds them coarsely by PyTorch, on a CPU only: a warning, not advice."
    ),
]


class Settings(BaseModel):
    """A group of settings: unknown keys are errors, every field says what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def documentation(description: str, **options) -> Any:
    """A field for human readers: it never stands in a job's settings, so editing it reruns nothing but the report."""
    return Field(description=description, json_schema_extra={"documentation": True}, **options)


def kind_or(default: str) -> Callable[[Any], str]:
    """A discriminator of a union by the key ``kind``, with the kind that is meant where it is left out."""

    def kind_of(value: Any) -> str:
        kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        return default if kind is None else str(kind)

    return kind_of


class Declaration(Settings):
    """An artefact declared by name under its kind; with ``sweep``, a family of artefacts declared once.

    A sweep maps a key of the declaration (dotted for nested ones, ``architecture.width``) to the list of its values, or
    a free word to a list of mappings whose keys vary together. The members are named by ``name``, in whose braces the
    last part of each varied key stands: ``{corpus}-w{width}-s{seed}``.
    """

    name: Template | None = documentation(
        "Name of each member of a sweep, with the varied keys in braces; by default the key itself.", default=None
    )
    sweep: dict[str, list[Scalar | dict[str, Scalar]]] = documentation(
        "Keys that vary, each with the list of its values; every combination is one artefact.", default={}
    )
    note: str = documentation("Why the settings are as they are, for readers.", default="")


class Titled(Declaration):
    """A declared artefact that tables and figures name."""

    title: str = documentation(
        "What tables and figures call it, by default its name. In a sweep varied keys may stand in braces; members of one "
        "title are told apart by the rest of what varies.",
        default="",
    )


def expand(kind: str, declarations: dict[str, dict[str, Any]]) -> dict[str, tuple[dict[str, Any], dict[str, Any], str]]:
    """Expand the sweeps among raw declarations of one kind.

    Returns ``{member name: (plain declaration, varied values, key of its declaration)}`` in declared order.

    Raises:
        UserError: a swept key that varies twice, a name template that lacks or invents a key, two members of one name.
    """
    members: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {}
    for declaration, raw in declarations.items():
        key = f"{kind}.{declaration}"
        sweep = raw.get("sweep") or {}
        template = raw.get("name") or declaration
        for combination in itertools.product(*(_axis(key, axis, values) for axis, values in sweep.items())):
            varied: dict[str, Any] = {}
            for path, value in (item for part in combination for item in part.items()):
                if path in varied:
                    raise UserError(f"{key}.sweep: the key {path} varies twice")
                varied[path] = value
            labels = {path.rpartition(".")[2]: value for path, value in varied.items()}
            name = _fill(f"{key}.name", template, labels)
            if not re.fullmatch(NAME, name):
                raise UserError(f"{key}.name: {name!r} is not a name (letters, digits, '.', '_' and '-' are)")
            if name in members:
                owner = members[name][2]
                clash = (
                    f"{key}: two members"
                    if owner == declaration
                    else f"{kind}: {owner} and {declaration} both have an artefact"
                )
                raise UserError(f"{clash} of the name {name!r}; put every varied key into the name's braces")
            members[name] = (_fill_all(key, _with_varied(raw, varied, key), labels), labels, declaration)
    return members


def _axis(key: str, axis: str, values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not values:
        raise UserError(f"{key}.sweep.{axis}: expected a list of values, found {values!r}")
    if len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
        raise UserError(f"{key}.sweep.{axis}: a value stands twice in {values!r}")
    return [value if isinstance(value, dict) else {axis: value} for value in values]


def _fill(key: str, template: str, labels: dict[str, Any]) -> str:
    def value(match: re.Match) -> str:
        if match[1] not in labels:
            expected = ", ".join(labels) or "no varied key"
            raise UserError(f"{key}: {{{match[1]}}} is not a varied key of this declaration (there is {expected})")
        return str(labels[match[1]])

    return re.sub(r"\{(\w+)\}", value, template)


def _with_varied(raw: dict[str, Any], varied: dict[str, Any], key: str) -> dict[str, Any]:
    plain = {name: value for name, value in raw.items() if name not in ("name", "sweep")}
    for path, value in varied.items():
        *parents, leaf = path.split(".")
        target = plain
        for parent in parents:
            inner = {} if target.get(parent) is None else target[parent]
            if not isinstance(inner, dict):
                raise UserError(f"{key}.sweep.{path}: {parent} is not a group of keys")
            target[parent] = target = dict(inner)
        target[leaf] = value
    return plain


#: Keys of declarations whose braces are no varied keys.
PROSE = ("note", "template", "system", "pattern")


def _fill_all(key: str, plain: dict[str, Any], labels: dict[str, Any]) -> dict[str, Any]:
    """Fill braces in the references to other artefacts (``tokenizer: "{corpus}-characters"``) of a swept declaration."""
    return {
        name: _fill(f"{key}.{name}", value, labels) if labels and isinstance(value, str) and name not in PROSE else value
        for name, value in plain.items()
    }


def without_null(value: Any) -> Any:
    """Drop keys whose value is null: in an overlay, null takes back what the layer below has set."""
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return value


def spec(settings: BaseModel) -> dict[str, Any]:
    """The settings as a job sees them: defaults filled in, documentation left out."""
    return _without_documentation(settings, settings.model_dump(mode="json", exclude_none=True))


def _without_documentation(value: Any, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        kept = [key for key in _acting_keys(type(value)) if key in dumped]
        return {key: _without_documentation(getattr(value, key), dumped[key]) for key in kept}
    if isinstance(value, dict):
        return {key: _without_documentation(value[key], dumped[key]) for key in dumped}
    if isinstance(value, (list, tuple)):
        return [_without_documentation(item, dumped_item) for item, dumped_item in zip(value, dumped, strict=True)]
    return dumped


@cache
def _acting_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a group of settings that are no documentation."""
    return tuple(key for key, field in model.model_fields.items() if not _is_documentation(field))


def documentation_keys(model: type[BaseModel]) -> list[str]:
    """The required keys of a group of settings that are documentation."""
    return [key for key, field in model.model_fields.items() if field.is_required() and _is_documentation(field)]


def _is_documentation(field: FieldInfo) -> bool:
    return bool((field.json_schema_extra or {}).get("documentation"))


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces. Snakemake compares it to decide what to rerun."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


#: Validators of unions; making one anew for every artefact would take longer than the validation.
_validators: dict[int, tuple[Any, TypeAdapter]] = {}


def check(model: Any, value: Any, key: str) -> Any:
    """Validate ``value``, which stands at a dotted key, and turn the first error into one sentence.

    ``model`` is a group of settings, or a union of them that a key tells apart.

    Raises:
        UserError: with the dotted key, what was expected and what was found.
    """
    try:
        if isinstance(model, type):
            return model.model_validate(value)
        _, validator = _validators.setdefault(id(model), (model, TypeAdapter(model)))
        return validator.validate_python(value)
    except ValidationError as error:
        raise UserError(_sentence(error, model, key)) from None


def _sentence(error: ValidationError, model: Any, key: str) -> str:
    errors = error.errors()
    # a key that is missing may be one that stands there misspelt
    unknown = next((entry for entry in errors if entry["type"] == "extra_forbidden"), None)
    first = unknown if unknown and errors[0]["type"] == "missing" else errors[0]
    tagged_path = [str(part) for part in first["loc"] if not str(part).startswith(("function-", "tagged-union"))]
    path = tagged_path if isinstance(model, type) else tagged_path[1:]  # the tag of a member of the union is no key
    key = ".".join([key, *path] if key else path)
    message = first["msg"].removeprefix("Value error, ")
    value = "" if isinstance(first.get("input"), (dict, BaseModel)) else f", found {first.get('input')!r}"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; {_nearest(path[-1], model, tagged_path[:-1])}"
    if first["type"] == "missing":
        return f"{key}: this key is required"
    if first["type"] == "union_tag_not_found":
        return missing_key(key, first["ctx"]["discriminator"].strip("'"), first["input"])
    if first["type"] == "union_tag_invalid":
        return f"{key}: kind: expected one of {first['ctx']['expected_tags']}, found {first['ctx']['tag']!r}"
    if first["type"] == "value_error":
        return f"{key}: {message}"
    if isinstance(first.get("input"), bool):
        hint = " (YAML reads no, off and false as False: quote the word)"
    else:
        hint = (
            " (YAML reads a number: quote it)"
            if first["type"] == "string_type" and isinstance(first.get("input"), int | float)
            else ""
        )
    more = f" ({len(errors) - 1} more to mend)" if len(errors) > 1 else ""
    return f"{key}: {message[0].lower()}{message[1:]}{value}{hint}{more}"


def missing_key(key: str, missing: str, present: Any) -> str:
    """The sentence about a key that is missing in the group ``present`` at a key, or stands there misspelt."""
    close = difflib.get_close_matches(missing, present if isinstance(present, dict) else (), n=1)
    return f"{key}.{close[0]}: unknown key; did you mean {missing}?" if close else f"{key}.{missing}: this key is required"


def _nearest(key: str, model: Any, path: list[str]) -> str:
    known = sorted(known_keys(model, path))
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"expected one of {', '.join(known)}" if known else "it has no keys"


def known_keys(model: Any, path: list[str]) -> set[str]:
    """The keys allowed at a dotted path below a model; where several models are possible, those of all of them."""
    models = models_in(model)
    for part in path:
        tagged = [model for model in models if part in kinds_of(model) and part not in model.model_fields]
        models = tagged or [inner for outer in models for inner in _models_below(outer, part)]
    return {key for model in models for key in model.model_fields}


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The groups of settings that stand somewhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_in(inner)]


def kinds_of(model: type[BaseModel]) -> tuple[Any, ...]:
    """The values of the key ``kind`` that tell a group from others."""
    kind = model.model_fields.get("kind")
    return typing.get_args(kind.annotation) if kind else ()


def _models_below(model: type[BaseModel], part: str) -> list[type[BaseModel]]:
    if part in model.model_fields:
        return models_in(model.model_fields[part].annotation)
    return [model]  # the name of a declaration or the index in a list: same keys below
