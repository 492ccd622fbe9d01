"""What the jobs of a row share: their settings, the names of metrics. All are of the split ``validation``."""

from __future__ import annotations

from relab.settings.base import Int, Name, Settings
from relab.settings.models import Architecture

PARAMETERS, SEEN, EPOCHS, LAST = "parameters", "tokens seen", "epochs", "last step"
BEST_BITS = "best bits per byte"


class Spec(Settings):
    """Settings of the jobs: the experiment, whose seeds the models are; the models in declared order, each with its seed."""

    experiment: str
    models: list[tuple[Name, Int]]
    architecture: Architecture

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each model, in declared order."""
        return dict(self.models)
