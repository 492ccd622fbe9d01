"""References between artefacts: a setting that names another artefact says in its type of which kind.

``Ref["models", LANGUAGE_MODEL]`` is the name of one model, ``Family["models", TRAINED]`` that of a declaration, which stands
for all members of its sweep. From the types alone follow the check that what is named is there and fits (:func:`check`), and
what else an artefact needs (:func:`needed`).
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol

from pydantic import BaseModel

from relab.errors import UserError
from relab.settings.base import Name


@dataclass(frozen=True)
class Narrowing:
    """What an artefact must be beside its kind: in words, whether its settings are that, and what they are otherwise.

    ``fits`` is called with the settings and with all artefacts of the kind by name.
    """

    noun: str
    fits: Callable[[Any, Mapping[str, Declared]], bool]
    otherwise: Callable[[Any], str] = lambda settings: f"of the kind {settings.kind}"


def of_kind(noun: str, *kinds: str) -> Narrowing:
    """One of some kinds of an artefact, such as a probe of the kind retriever."""
    return Narrowing(f"{noun} of the kind {' or '.join(kinds)}", lambda settings, known: settings.kind in kinds)


def is_encoder_decoder(settings: Any, models: Mapping[str, Declared]) -> bool:
    """Whether a model is an encoder–decoder; a fine-tuned one is what it starts from in the end."""
    followed = set()
    while (base := getattr(settings, "base", None)) in models and base not in followed:  # circles are refused elsewhere
        followed.add(base)
        settings = models[base].settings
    return settings.kind in ("encoder_decoder", "trained_on_pairs")


#: Generates texts: continues a prompt, or writes the target of a source.
GENERATIVE = Narrowing(
    "a language model or an encoder–decoder", lambda model, models: model.kind != "encoder", lambda model: "an encoder"
)
LANGUAGE_MODEL = Narrowing(
    "a language model",
    lambda model, models: model.kind != "encoder" and not is_encoder_decoder(model, models),
    lambda model: "an encoder" if model.kind == "encoder" else "an encoder–decoder",
)
#: One network that reads a text and gives a state for each of its tokens.
ENCODER_OR_LANGUAGE_MODEL = Narrowing(
    "an encoder or a language model",
    lambda model, models: not is_encoder_decoder(model, models),
    lambda model: "an encoder–decoder",
)
WITH_WEIGHTS = Narrowing(
    "a model with weights of its own", lambda model, models: not getattr(model, "is_adapter", False), lambda model: "an adapter"
)
TRAINED = of_kind("models", "trained")
WITH_PUBLISHED_TOKENIZER = of_kind("a model", "published", "encoder")
FINETUNED = of_kind("models", "finetuned")
PAIRS = of_kind("a data set", "pairs")
PREFERENCES = of_kind("a data set", "preferences")
WITH_PROMPTS = of_kind("a data set", "pairs", "preferences")


@dataclass(frozen=True)
class Reference:
    """What a setting names: artefacts of a kind, as it stands in the configuration, narrowed where needed."""

    kind: str
    narrowings: tuple[Narrowing, ...] = ()
    family: bool = False  #: a declaration with all of its members


class Ref:
    """The type of a setting that names an artefact: ``Ref[kind]`` or ``Ref[kind, narrowing, …]``."""

    family = False

    def __class_getitem__(cls, item: str | tuple[Any, ...]) -> Any:
        kind, *narrowings = item if isinstance(item, tuple) else (item,)
        return Annotated[Name, Reference(kind, tuple(narrowings), cls.family)]


class Family(Ref):
    """The type of a setting that names a declaration, for all members of its sweep: as :class:`Ref`."""

    family = True


@dataclass(frozen=True)
class Named:
    """A reference as it stands in the settings: its key, what it may name, what it names."""

    key: str
    reference: Reference
    name: str


def references(settings: BaseModel, key: str) -> Iterator[Named]:
    """All references in a group of settings that stands at a dotted key."""
    for name, annotation, metadata in _fields_that_may_name(type(settings)):
        yield from _references(annotation, metadata, getattr(settings, name), f"{key}.{name}")


@cache
def _fields_that_may_name(model: type[BaseModel]) -> tuple[tuple[str, Any, tuple[Any, ...]], ...]:
    """The fields of a group that are not mere values: most are, and a configuration has thousands of them."""
    fields = ((name, field.annotation, tuple(field.metadata)) for name, field in model.model_fields.items())
    return tuple(field for field in fields if _may_name(*field[1:]))


def _may_name(annotation: Any, metadata: Iterable[Any]) -> bool:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if any(isinstance(item, Reference) for item in metadata):
        return True
    if origin is Annotated:
        return _may_name(inner[0], inner[1:])
    if origin in (typing.Union, types.UnionType, list, tuple, dict):
        return any(_may_name(member, ()) for member in inner)
    return origin is not typing.Literal and annotation not in (str, int, float, bool, types.NoneType)


def _references(annotation: Any, metadata: Iterable[Any], value: Any, key: str) -> Iterator[Named]:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    reference = next((item for item in metadata if isinstance(item, Reference)), None)
    if value is None:
        return
    if reference is not None:
        yield Named(key, reference, value)
    elif isinstance(value, BaseModel):
        yield from references(value, key)
    elif origin is Annotated:
        yield from _references(inner[0], inner[1:], value, key)
    elif origin in (typing.Union, types.UnionType):
        for member in inner:
            yield from _references(member, (), value, key)
    elif origin in (list, tuple) and isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(inner[0], (), item, key)
    elif origin is dict and isinstance(value, Mapping):
        for name, item in value.items():
            yield from _references(inner[0], (), name, key)
            yield from _references(inner[1], (), item, f"{key}.{name}")


class Declared(Protocol):
    """A declared artefact: its settings, and the key of its declaration."""

    settings: Any
    declaration: str


#: The artefacts of each kind by name.
Artefacts = Mapping[str, Mapping[str, Declared]]


def check(named: Named, artefacts: Artefacts) -> None:
    """Check that what is named is declared, and is what it must be.

    Raises:
        UserError: naming the key, what was found and what was expected, with the nearest name where one is near.
    """
    known = artefacts[named.reference.kind]
    names = members(named, artefacts)
    if not names:
        expected = dict.fromkeys(member.declaration for member in known.values()) if named.reference.family else known
        raise unknown(named.name, expected, named.reference.kind, named.key)
    for name in names:
        for narrowing in named.reference.narrowings:
            if not narrowing.fits(known[name].settings, known):
                raise UserError(
                    f"{named.key}: {name!r} is {narrowing.otherwise(known[name].settings)}, expected {narrowing.noun}"
                )


def unknown(name: str, known: Iterable[str], kind: str, key: str) -> UserError:
    """The error of a name that is not among those of its kind."""
    close = difflib.get_close_matches(str(name), map(str, known), n=1)
    return UserError(f"{key}: {name!r} is not among the {kind}" + (f"; did you mean {close[0]!r}?" if close else ""))


def members(named: Named, artefacts: Artefacts) -> list[str]:
    """The names of the artefacts that a reference stands for; none where there is no such artefact."""
    known = artefacts[named.reference.kind]
    if not named.reference.family:
        return [named.name] if named.name in known else []
    return [name for name, member in known.items() if member.declaration == named.name]


def needed(roots: Iterable[Named], artefacts: Artefacts) -> dict[str, list[str]]:
    """Everything that some references need, directly or through others: names by kind, in declared order."""
    reached: dict[str, set[str]] = {kind: set() for kind in artefacts}
    waiting = list(roots)
    while waiting:
        named = waiting.pop()
        kind = named.reference.kind
        for name in members(named, artefacts):
            if name not in reached[kind]:
                reached[kind].add(name)
                waiting += references(artefacts[kind][name].settings, f"{kind}.{name}")
    return {kind: [name for name in known if name in reached[kind]] for kind, known in artefacts.items()}
