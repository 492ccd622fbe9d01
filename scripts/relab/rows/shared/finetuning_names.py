"""What the jobs of rows of finetuned models share: their settings, the names of experiments and metrics.

Experiments are ``{declaration}`` of the models, and ``{name of the row}/base`` of the model that they start from:

- losses of every evaluation (splits ``train`` and ``validation``), see :mod:`relab.rows.shared.losses`, the mean training loss;
- split ``files``: the size of what is stored.

What else there is, the kinds of rows say.
"""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Name, Precision, Settings
from relab.settings.models import Adaptation

FILES, TEXTS = "files", "texts"

PERPLEXITY, BITS = "perplexity", "bits per byte"
MEAN_LOSS, TOKENS_SEEN, STEPS = "mean training loss", "tokens seen", "steps"
PARAMETERS, BYTES, BYTES_SHARE = "parameters stored", "bytes on disk", "bytes on disk by those of the base"


class MeasureSpec(Settings):
    """Settings of the job that has models give log-probabilities of texts: the models, their base first."""

    models: list[Name] = Field(min_length=2)
    precision: Precision = "auto"
    threads: Int = 1


class ScoredModel(Settings):
    """A model as scores name it: by its declaration and its seed; and what of it was trained, if anything."""

    experiment: str
    seed: Int
    adaptation: Adaptation | None = None


class Spec(Settings):
    """Settings of the jobs: the row's name, the models by name, their order in tables, the base that they start from."""

    name: Name
    base: Name
    base_kind: str
    models: dict[Name, ScoredModel]
    order: list[Name]

    @property
    def experiments(self) -> dict[str, list[str]]:
        """The models of each declaration, in the order of tables."""
        members: dict[str, list[str]] = {}
        for name in self.order:
            members.setdefault(self.models[name].experiment, []).append(name)
        return members

    @property
    def base_experiment(self) -> str:
        """The experiment of the base."""
        return f"{self.name}/base"

    @property
    def with_base(self) -> dict[str, ScoredModel]:
        """The base and the models."""
        return {self.base: ScoredModel(experiment=self.base_experiment, seed=0), **self.models}
