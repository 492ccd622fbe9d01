"""What the jobs of a row share: their settings, the names of splits and metrics.

Beside what :mod:`relab.rows.shared.finetuning_names` says, scores have

- split ``held out``: perplexity of passages of the validation text, and how it differs from the base's;
- split ``texts``, of source code: the share of sampled texts that Python's parser accepts; ``{name of the row}/people`` are
  functions that were written by hand.
"""

from __future__ import annotations

from pydantic import Field

from relab.rows.shared import finetuning_names
from relab.rows.shared.finetuning_names import Spec
from relab.settings.base import Int, Name, Settings
from relab.settings.models import LoraAdaptation, Schedule, Training

HELD_OUT = "held out"
CHANGE = "perplexity change"
PARSES, PARSES_CUT = "share that parses", "share that parses without its last line"

#: What tables and experiments call what no model wrote.
HUMAN = "people"

#: The learning rates that were meant, and those of the write-up's schedule: columns and ends of experiments.
MEANT, WRITEUP = "meant", "sheet"


class Passages(Settings):
    """Held-out text that models are measured on: one passage a document, evenly spread over their corpus's validation split."""

    number: Int = Field(description="Passages, each of another document: what intervals are over.", ge=1)
    characters: Int = Field(description="Characters of each at most.", ge=1)


class AdapterSize(Settings):
    """A published architecture whose adapter is counted without its weights."""

    name: str = Field(description="What the table calls it.")
    vocabulary: Int = Field(description="Tokens of the vocabulary.", ge=1)
    context: Int = Field(description="Tokens of context.", ge=1)
    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    feed_forward: Int = Field(description="Width between the two feed-forward layers.", ge=1)
    layers: Int = Field(description="Number of Transformer blocks.", ge=1)
    heads: Int = Field(description="Number of attention heads.", ge=1)
    adaptation: LoraAdaptation = Field(description="The adapter.")


class Parameters(Settings):
    """Trained parameters by module."""

    sizes: list[AdapterSize] = Field([], description="Architectures (of OPT) whose adapters are counted beside the models.")


class MeasureSpec(finetuning_names.MeasureSpec):
    """Settings of the job that has models give log-probabilities of passages."""

    passages: Passages


class ScoreSpec(Spec):
    """Settings of the jobs that score the row and write its tables; with ``source_code``, texts are of Python."""

    source_code: bool = False

    @property
    def human_experiment(self) -> str:
        """The experiment of functions that were written by hand."""
        return f"{self.name}/{HUMAN}"


class CountSpec(Spec, Parameters):
    """Settings of the job that counts trained parameters."""


class RatesSpec(Settings):
    """Settings of the job that writes the learning rates."""

    name: Name
    training: Training  #: with the schedule that was meant
    writeup_schedule: Schedule
