"""Rows that show the trained models of one declaration, which differ in their seed alone."""

from __future__ import annotations

from typing import Any

from relab.artefacts.kind import Artefacts
from relab.errors import UserError
from relab.rows.contract import RowPaths
from relab.settings.base import spec


def seeds(declaration: str, artefacts: Artefacts) -> dict[str, int]:
    """The models by name, each with its seed."""
    return {name: member.settings.seed for name, member in artefacts.family("models", declaration).items()}


def first(declaration: str, artefacts: Artefacts) -> Any:
    """The settings of the first model, whose corpus, tokenizer and architecture are those of all."""
    return next(iter(artefacts.family("models", declaration).values())).settings


def grammar(declaration: str, artefacts: Artefacts) -> dict[str, Any] | None:
    """The settings of the grammar that the models' corpus is drawn from; nothing where it is a corpus of another kind."""
    reader = artefacts.corpora[first(declaration, artefacts).corpus].settings.reader
    return spec(reader) if reader.kind == "grammar" else None


def check_seeds(declaration: str, paths: RowPaths, artefacts: Artefacts) -> None:
    """Refuse models that differ in more than their seed.

    Raises:
        UserError: naming them.
    """
    family = artefacts.family("models", declaration)
    if any(set(member.varied) - {"seed"} for member in family.values()):
        raise UserError(f"{paths.key}.models: expected models that differ in their seed alone, found {', '.join(family)}")


def check_sentences(declaration: str, paths: RowPaths, artefacts: Artefacts) -> None:
    """Refuse models that read sentences of a grammar otherwise than one by one.

    Raises:
        UserError: naming one.
    """
    for name, member in artefacts.family("models", declaration).items():
        if member.settings.training.reading != "documents":
            raise UserError(f"models.{name}.training.reading: expected documents, since {paths.key}.models reads sentences")
