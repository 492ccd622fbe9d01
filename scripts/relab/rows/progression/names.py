"""What the jobs of a row share: their settings, the names of experiments and metrics."""

from __future__ import annotations

from pydantic import Field

from relab.rows.shared.sweeps import Sweep
from relab.settings.base import Int, Scalar

#: Experiments ``{corpus}/…`` beside those of the models: text that people wrote, characters drawn by their frequency.
HELD_OUT, DRAWN = "held-out text", "drawn characters"

#: Shares of the whole lines and of the whole words (by length) of a text that stand in its corpus, and their split.
LINES, WORDS = "lines in corpus", "words in corpus"
TEXTS = "texts"


class Spec(Sweep):
    """Settings of the job that scores the texts of models on one corpus."""

    steps: list[Int] = Field(description="The steps whose text is shown, ascending.", min_length=1)

    @property
    def corpus(self) -> str:
        """The corpus of the models."""
        return next(iter(self.models.values())).corpus


class TableSpec(Spec):
    """Settings of the job that writes the tables of those that are shown."""

    reported: list[dict[str, Scalar]] | None = Field(
        None, description="Losses that the write-up reports: corpus, step, loss, and what tells the model from others."
    )
