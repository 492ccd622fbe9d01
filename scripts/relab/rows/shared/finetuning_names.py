"""What the jobs of rows of finetuned models share: their settings, the names of experiments and metrics.

Experiments are ``{declaration}`` of the models, and ``{name of the row}/base`` of the model that they start from:

- losses of every evaluation (splits ``train`` and ``validation``), see :mod:`relab.rows.shared.losses`, the mean training loss;
- split ``files``: the size of what is stored.

What else there is, the kinds of rows say.
"""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Name, Settings
from relab.settings.models import Adaptation

FILES, TEXTS = "files", "texts"

PERPLEXITY, BITS = "perplexity", "bits per byte"
MEAN_LOSS, TOKENS_SEEN, STEPS = "mean training loss", "tokens seen", "steps"
PARAMETERS, BYTES, BYTES_SHARE = "parameters stored", "bytes on disk", "bytes on disk by those of the base"


class MeasureSpec(Settings):
    """Settings of the job that has models give log-probabilities of texts."""

    models: list[Name] = Field(description="The models, their base first.", min_length=2)
    threads: Int = Field(1, description="Compute threads.", ge=1)


class ScoredModel(Settings):
    """A model as scores name it."""

    experiment: str = Field(description="Its declaration.")
    seed: Int = Field(description="Its seed.")


class Spec(Settings):
    """Settings of the job that scores a row."""

    name: Name = Field(description="The row's name.")
    base: Name = Field(description="The model that the others start from.")
    models: dict[Name, ScoredModel] = Field(description="The models.", min_length=1)
    order: list[Name] = Field(description="The models in the order of tables.")

    @property
    def experiments(self) -> dict[str, list[str]]:
        """The models of each declaration, in the order of tables."""
        found: dict[str, list[str]] = {}
        for name in self.order:
            found.setdefault(self.models[name].experiment, []).append(name)
        return found

    @property
    def base_experiment(self) -> str:
        """The experiment of the base."""
        return f"{self.name}/base"

    @property
    def with_base(self) -> dict[str, ScoredModel]:
        """The base and the models."""
        return {self.base: ScoredModel(experiment=self.base_experiment, seed=0), **self.models}


class TableSpec(Spec):
    """Settings of the job that writes the tables of a row."""

    adaptations: dict[Name, Adaptation] = Field(description="What was trained of each model.")
    base_kind: str = Field(description="Kind of the base.")
