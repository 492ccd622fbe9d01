"""What a kind of artefact is: where its settings stand, what its files are called, which rules make them from what.

An artefact is declared by name under its kind. The configuration, the wildcards of the rules and their targets follow from the
kinds (:mod:`relab.artefacts.registry`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relab.settings.base import spec

#: Files of a job by name; where a name stands for several they are a list.
Files = dict[str, str | list[str]]


@dataclass(frozen=True)
class Member:
    """A declared artefact, a member of its declaration's sweep: settings, the varied values that name it, the declaration."""

    settings: Any
    varied: dict[str, Any]
    declaration: str


@dataclass(frozen=True)
class Artefacts:
    """All declared artefacts, by kind and name in declared order: ``artefacts.models["gpt2"].settings``."""

    kinds: Mapping[str, Mapping[str, Member]]
    threads: int  #: compute threads of a job with a network in it

    def __getattr__(self, kind: str) -> Mapping[str, Member]:
        try:
            return self.__dict__["kinds"][kind]
        except KeyError:
            raise AttributeError(kind) from None

    def family(self, kind: str, declaration: str) -> dict[str, Member]:
        """The members of one declaration, in declared order."""
        return {name: member for name, member in self.kinds[kind].items() if member.declaration == declaration}


def declared(kind: str, wildcard: str, *, threads: bool = False) -> Callable[..., dict[str, Any]]:
    """The settings of jobs that need those of their artefact, and perhaps the compute threads."""

    def settings(artefacts: Artefacts, **wildcards: str) -> dict[str, Any]:
        of_artefact = spec(artefacts.kinds[kind][wildcards[wildcard]].settings)
        return {**of_artefact, "threads": artefacts.threads} if threads else of_artefact

    return settings


@dataclass(frozen=True)
class Maker:
    """A rule that makes artefacts of a kind. Its functions are called with the artefacts and the job's wildcards by name."""

    rule: str
    inputs: Callable[..., Files]  #: the files that a job reads, by name
    settings: Callable[..., dict[str, Any]]  #: the settings that a job needs, and nothing else
    makes: Callable[[Any], bool] = lambda settings: True  #: whether it makes artefacts of these settings
    seconds: float = 1.0  #: what a job takes at the default scale, roughly: for the plan, until it has been measured


@dataclass(frozen=True)
class Kind:
    """A kind of artefact."""

    name: str  #: the key of its declarations in the configuration
    wildcard: str  #: the wildcard of the rules that stands for a name
    type: Any  #: the type of its settings: a group of settings, or a union of them
    about: str  #: what its declarations are, for the documentation and the menu of targets
    files: Callable[[Artefacts, str], list[str]]  #: the files of an artefact beside which its jobs' records stand
    makers: tuple[Maker, ...]
    swept: bool = True  #: whether a declaration may have a sweep
    check: Callable[[Artefacts, str], None] = lambda artefacts, name: None
    """Refuses an artefact that does not go together with what it names; references are checked already."""
