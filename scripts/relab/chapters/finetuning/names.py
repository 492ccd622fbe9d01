"""What the rows of finetuned models share: the settings of their jobs, and the names of experiments and metrics.

Experiments are ``{declaration}`` of the models, such as ``recital_lora``, and ``{role}/base`` of what they start from:

- losses of every evaluation (splits ``train`` and ``validation``), see :mod:`relab.rows.shared.losses`, the mean training loss;
- split ``held out``: what a model makes of passages of the validation text, and how that differs from its base;
- splits ``trained`` and ``tail`` (B1): what it makes of the text that it learns by heart, and of the rest of it;
- split ``files``: its size;
- split ``texts`` (C3): the share of sampled texts that Python's parser accepts, of which ``{role}/people`` are real functions;
- ``{declaration}/{prompt}``, splits ``trained`` and ``tail`` (B1): how much of a greedy text stands in either.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from relab.settings.base import Int, Name, Settings
from relab.settings.chapters import AdapterSize, Passages
from relab.settings.models import Adaptation, Schedule, Training

HELD_OUT, TRAINED, TAIL, FILES, TEXTS = "held out", "trained", "tail", "files", "texts"

PERPLEXITY, BITS, CHANGE = "perplexity", "bits per byte", "perplexity change"
PROBABILITY, LOGPROB = "probability a token", "log-probability of the continuation"
MEAN_LOSS = "mean training loss"
TOKENS_SEEN, TOKENS_READ, STEPS = "tokens seen", "tokens read", "steps"
PARAMETERS, BYTES, BYTES_SHARE = "parameters stored", "bytes on disk", "bytes on disk by those of the base"
PARSES, PARSES_CUT = "share that parses", "share that parses without its last line"
CHARACTERS, TOKENS, COPIED = "longest copied run of characters", "longest copied run of tokens", "copied 8-grams"
SAME = "same text as greedy"

#: The sources of judgements that are no model: see :mod:`relab.judging.storage`.
BASE, PEOPLE = "base", "people"

Role = Literal["recital", "adapters", "code", "books"]


class Shown(Settings):
    """A model as scores name it."""

    experiment: Name = Field(description="Its declaration.")
    seed: Int = Field(description="Its seed.")


class ReadSpec(Settings):
    """Settings of the job that has models read text."""

    models: list[Name] = Field(description="The models, their base first.", min_length=2)
    passages: Passages | None = Field(None, description="Passages of the validation text that they read.")
    opening: Int | None = Field(
        None, description="Words of each document, of both splits, that they are given before the rest that counts.", ge=1
    )
    threads: Int = Field(1, description="Compute threads.", ge=1)

    @model_validator(mode="after")
    def _one_of_both(self):
        if (self.passages is None) == (self.opening is None):
            raise ValueError("expected passages or opening, and not both")
        return self


class ScoreSpec(Settings):
    """Settings of the job that scores a row."""

    role: Role = Field(description="The row.")
    base: Name = Field(description="The model that the others start from.")
    models: dict[Name, Shown] = Field(description="The models.", min_length=1)
    order: list[Name] = Field(description="The models in the order of tables.")
    samplings: dict[Name, Name] = Field({}, description="B1: the sampling of each model and of the base.")

    @property
    def experiments(self) -> dict[str, list[str]]:
        """The models of each declaration, in the order of tables."""
        found: dict[str, list[str]] = {}
        for name in self.order:
            found.setdefault(self.models[name].experiment, []).append(name)
        return found

    @property
    def base_experiment(self) -> str:
        return f"{self.role}/{BASE}"


class TableSpec(ScoreSpec):
    """Settings of the job that writes the tables of a row."""

    adaptations: dict[Name, Adaptation] = Field(description="What was trained of each model.")


class AdaptersSpec(Settings):
    """Settings of the job that counts the parameters of adapters by module."""

    base: Name = Field(description="The model that the others start from.")
    models: dict[Name, Shown] = Field(description="The models.", min_length=1)
    order: list[Name] = Field(description="The models in the order of tables.")
    sizes: list[AdapterSize] = Field([], description="Architectures whose adapters are counted without weights.")


class RatesSpec(Settings):
    """Settings of the job that writes the learning rates."""

    training: Training = Field(description="The training, with the schedule that was meant.")
    sheet: Schedule = Field(description="The sheet's schedule.")


def told(adaptation: Adaptation) -> str:
    """What of a model was trained, in words."""
    if adaptation.kind == "lora":
        return f"LoRA, rank {adaptation.rank}"
    if adaptation.kind == "prefix":
        return f"a prefix of {adaptation.tokens} tokens"
    return "all weights"
