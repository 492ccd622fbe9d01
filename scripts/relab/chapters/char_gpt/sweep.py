"""The models of the chapter: their settings as a job gets them, and their groups, the models that differ in the seed only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

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


class SweepSpec(Settings):
    """Settings of the job that scores the sweep."""

    models: dict[str, SweptModel] = Field(description="The models by name.", min_length=1)
    steps: list[Int] = Field(description="The steps whose text is shown.", min_length=1)


class CorpusName(Settings):
    """How readers know a corpus."""

    name: str = Field(description="The corpus.")
    title: str = Field(description="What tables and figures call it.")


class TableSpec(SweepSpec):
    """Settings of the job that writes the chapter's tables."""

    where: dict[str, list[Scalar]] = Field(
        {}, description="Text is shown of models whose varied keys have one of these values."
    )
    corpora: list[CorpusName] = Field(description="The corpora in the order of the figure's panels.", min_length=1)


@dataclass(frozen=True)
class Group:
    """Models that differ in nothing but the seed."""

    corpus: str
    varied: dict[str, Scalar]
    members: dict[int, str]
    """Name of the model by seed, ascending."""

    @property
    def label(self) -> str:
        """The varied keys apart from corpus and seed: ``width 32, block 64``; ``all`` where there is none."""
        return ", ".join(f"{key} {value}" for key, value in self.varied.items()) or "all"

    @property
    def experiment(self) -> str:
        """Key of its scores: ``italian/width 32, block 64``."""
        return f"{self.corpus}/{self.label}"

    def shown(self, where: Mapping[str, Iterable[Scalar]]) -> bool:
        """Whether its varied keys have one of the values that ``where`` allows for each key."""
        known = {**self.varied, "corpus": self.corpus}
        return all(known.get(key) in values for key, values in where.items())


def groups(models: Mapping[str, SweptModel]) -> list[Group]:
    """The models by corpus and varied keys, sorted by them; numbers by size.

    Raises:
        UserError: two models of one group with the same seed.
    """
    found: dict[tuple, Group] = {}
    for name, model in sorted(models.items(), key=lambda item: item[1].seed):
        varied = {key: model.varied[key] for key in sorted(model.varied, key=_rank) if key not in APART}
        group = found.setdefault((model.corpus, *varied.items()), Group(model.corpus, varied, {}))
        if model.seed in group.members:
            raise UserError(f"models: {group.members[model.seed]} and {name} differ in nothing, not even the seed")
        group.members[model.seed] = name
    return sorted(found.values(), key=lambda group: (group.corpus, [_size(value) for value in group.varied.values()]))


def _rank(key: str) -> tuple[int, str]:
    return (ORDER.index(key) if key in ORDER else len(ORDER), key)


def _size(value: Scalar) -> tuple[int, float, str]:
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, value)
