"""What the jobs of a row share: their settings, the names of experiments and metrics."""

from __future__ import annotations

from relab.rows.shared.sweeps import Sweep
from relab.settings.base import Scalar

#: Experiments ``{corpus}/…`` beside those of the models: text that humans wrote, characters drawn by their frequency.
HELD_OUT, DRAWN = "held-out text", "drawn characters"

#: Shares of the whole lines and of the whole words (by length) of a text that stand in its corpus, and their split.
LINES, WORDS = "lines in corpus", "words in corpus"
TEXTS = "texts"


class Spec(Sweep):
    """Settings of the jobs: models on one corpus, the steps whose text is shown, ascending."""

    steps: list[int]
    reported: list[dict[str, Scalar]] = []  #: losses of the write-up: corpus, step, loss, and what tells the model from others

    @property
    def corpus(self) -> str:
        """The corpus of the models."""
        return next(iter(self.models.values())).corpus
