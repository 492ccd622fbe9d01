"""Settings of the report's chapters: which artefacts their rows show."""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Name, Scalar, Settings


class Progressions(Settings):
    """A2 and A3: the text that a model generates as its training goes on."""

    steps: list[Int] = Field(description="The steps that the tables show.", min_length=1)
    where: dict[str, list[Scalar]] = Field({}, description="Only models whose varied keys have one of these values.")


class CharGpt(Settings):
    """A1 to A3: character-level GPTs on two corpora."""

    models: Name = Field(description="The sweep of models that the chapter shows.")
    progression: Progressions = Field(description="The tables of generated text.")


class Chapters(Settings):
    """The chapters of the report."""

    char_gpt: CharGpt = Field(description="A: the deep-learning lab on language models.")
