"""Settings of the chapter's jobs, as Snakemake hands them on."""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Settings
from relab.settings.chapters import Alternatives, Words
from relab.settings.corpora import GrammarReader
from relab.settings.models import Architecture


class TraceSpec(Settings):
    """Settings of the job that follows a model word by word."""

    words: list[Words] = Field(description="E2: the prompts.", min_length=1)
    alternatives: Alternatives = Field(description="E3: the prompts, and how many tokens are shown at each step.")
    length: Int = Field(description="Tokens generated.", ge=1)
    reader: GrammarReader = Field(description="The grammar that the model's sentences were drawn from.")
    seed: Int = Field(description="Seed of the model, and of what is drawn.", ge=0)
    threads: Int = Field(description="Compute threads.", ge=1)


class ModelsSpec(Settings):
    """What the jobs that score and tabulate are told of the models."""

    models: dict[str, Int] = Field(description="E1: the models on sentences, each with its seed.", min_length=1)
    larger: dict[str, Int] = Field(description="E4: the models on a larger corpus, each with its seed.", min_length=1)
    reader: GrammarReader = Field(description="The grammar that the sentences were drawn from.")


class ScoreSpec(ModelsSpec):
    """Settings of the job that scores the models."""

    evaluated: Int = Field(description="Held-out sentences at most that the models' validation loss is a mean over.", ge=1)
    block: Int = Field(description="Block size of the models on sentences.", ge=1)


class TableSpec(ModelsSpec):
    """Settings of the job that writes the chapter's tables."""

    every: Int = Field(description="E1: iterations between two rows of the tables of losses.", ge=1)


class FactsSpec(Settings):
    """Settings of the job that checks what the write-up says of its model."""

    architecture: Architecture = Field(description="The model's architecture.")
    seed: Int = Field(description="Seed of fresh weights.", ge=0)
    threads: Int = Field(description="Compute threads.", ge=1)
