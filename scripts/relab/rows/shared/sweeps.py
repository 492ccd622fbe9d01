"""The models of a sweep: their settings as a job gets them, and their groups, the models that differ in the seed only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from relab.artefacts.kind import Member
from relab.errors import UserError
from relab.settings.base import Int, Scalar, Settings

#: Order of varied keys in labels and tables; others follow by name.
ORDER = ("width", "layers", "heads", "block", "batch")

#: Varied keys that are not part of a label: they have columns of their own.
APART = ("corpus", "seed")


class SweptModel(Settings):
    """A model of the sweep."""

    corpus: str = Field(description="Its corpus.")
    seed: Int = Field(description="Its seed.")
    varied: dict[str, Scalar] = Field(description="The varied keys that name it.")


class Sweep(Settings):
    """Settings of a job on the models of a sweep."""

    models: dict[str, SweptModel] = Field(description="The models by name.", min_length=1)


def sweep(members: Mapping[str, Member]) -> dict[str, Any]:
    """The models of a declaration, or some of them, as the settings of a job: those of :class:`Sweep`."""
    return {
        "models": {
            name: {"corpus": member.settings.corpus, "seed": member.settings.seed, "varied": member.varied}
            for name, member in members.items()
        }
    }


def titles(members: Mapping[str, Member]) -> dict[str, str]:
    """What people call the groups of a sweep, by their labels: ``GPT, width 32``; none where the models have no title.

    A varied key that stands in the titles already is not said again.
    """
    shown = {}
    for member in filter(lambda member: member.settings.title, members.values()):
        alike = [sibling for sibling in members.values() if sibling.settings.title == member.settings.title]
        rest = {key: value for key, value in member.varied.items() if _values(key, alike) == _values(key, members.values())}
        shown[group_label(member.varied)] = ", ".join(filter(None, (member.settings.title, label(rest))))
    return shown


def _values(key: str, members: Iterable[Member]) -> set[str]:
    return {str(member.varied[key]) for member in members}


@dataclass(frozen=True)
class Group:
    """Models that differ in nothing but the seed."""

    corpus: str
    varied: dict[str, Scalar]
    members: dict[int, str]
    """Name of the model by seed, ascending."""

    @property
    def label(self) -> str:
        """Its name among those of its corpus (:func:`group_label`)."""
        return group_label(self.varied)

    @property
    def experiment(self) -> str:
        """Key of its scores: ``italian/width 32, block 64``."""
        return f"{self.corpus}/{self.label}"


def groups(models: Mapping[str, SweptModel]) -> list[Group]:
    """The models by corpus and varied keys, sorted by them; numbers by size.

    Raises:
        UserError: two models of one group with the same seed.
    """
    grouped: dict[tuple, Group] = {}
    for name, model in sorted(models.items(), key=lambda item: item[1].seed):
        varied = _ordered(model.varied)
        group = grouped.setdefault((model.corpus, *varied.items()), Group(model.corpus, varied, {}))
        if model.seed in group.members:
            raise UserError(f"models: {group.members[model.seed]} and {name} differ in nothing, not even the seed")
        group.members[model.seed] = name
    return sorted(grouped.values(), key=lambda group: (group.corpus, [_size(value) for value in group.varied.values()]))


def label(varied: Mapping[str, Scalar]) -> str:
    """What tells a model from others in tables: ``width 32, block 64``."""
    return ", ".join(f"{key} {value}" for key, value in _ordered(varied).items())


def group_label(varied: Mapping[str, Scalar]) -> str:
    """What tells a group from the others of its corpus: ``width 32, block 64``; ``all`` where nothing does."""
    return label(varied) or "all"


def _ordered(varied: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {key: varied[key] for key in sorted(varied, key=_rank) if key not in APART}


def _rank(key: str) -> tuple[int, str]:
    return (ORDER.index(key) if key in ORDER else len(ORDER), key)


def _size(value: Scalar) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, value)
