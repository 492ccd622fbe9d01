"""What the jobs of a row share: their settings, the names of metrics. All are of the split ``validation``."""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Name, Settings
from relab.settings.models import Architecture

PARAMETERS, SEEN, EPOCHS, LAST, BEST_STEP = "parameters", "tokens seen", "epochs", "last step", "best step"
BEST_BITS = "best bits per byte"


class Models(Settings):
    """What all jobs are told of the models."""

    experiment: str = Field(description="The experiment, whose seeds the models are.")
    models: list[tuple[Name, Int]] = Field(description="The models in declared order, each with its seed.", min_length=1)

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each model, in declared order."""
        return dict(self.models)


class Spec(Models):
    """Settings of the job that scores."""

    block: Int = Field(description="Tokens of a document that the models read at most.", ge=2)


class TableSpec(Models):
    """Settings of the job that writes tables."""

    architecture: Architecture = Field(description="The models' architecture.")
