"""What the jobs of a row share: their settings, names of metrics, the losses that need no training.

Experiments and their metrics, losses in nats per token:

- ``{experiment}/model``: the losses of the models; for sentences of a grammar ``final loss minus grammar loss``, too, and
  ``initial loss minus ln V``.
- ``{experiment}/grammar``: the loss of a model that knows the grammar, on the sentences that the models are evaluated on; and
  the grammar's ``entropy``, the mean of that loss over all sentences that may be drawn.
- ``{experiment}/training text``: the loss of one that knows the frequencies in the training text (split ``train``).
- ``{experiment}/uniform``: the loss of a uniform guess, ln V.
"""

from __future__ import annotations

from pydantic import Field

from relab.rows.shared.experiments import GRAMMAR, TRAINING_TEXT, UNIFORM
from relab.rows.shared.losses import LOSS
from relab.settings.base import Int, Settings
from relab.settings.corpora import GrammarReader

ABOVE_UNIFORM, ABOVE_GRAMMAR = "initial loss minus ln V", "final loss minus grammar loss"
ENTROPY = "entropy"

#: The losses that need no training, by their column in the table of curves: experiment, metric and split of each.
BASELINES = {
    "grammar_loss": (GRAMMAR, LOSS, "validation"),
    "grammar_entropy": (GRAMMAR, ENTROPY, "validation"),
    "training_text_entropy": (TRAINING_TEXT, LOSS, "train"),
    "uniform": (UNIFORM, LOSS, "validation"),
}


class HeldOut(Settings):
    """The grammar of the sentences, and those of its sentences that the models are evaluated on."""

    reader: GrammarReader = Field(description="The grammar that the sentences were drawn from.")
    sentences: Int = Field(description="Held-out sentences at most that the models' validation loss is a mean over.", ge=1)
    block: Int = Field(description="Block size of the models.", ge=1)


class Spec(Settings):
    """Settings of the job that scores the models."""

    experiment: str = Field(description="What scores call the models.")
    models: dict[str, Int] = Field(description="The models, each with its seed.", min_length=1)
    grammar: HeldOut | None = Field(None, description="The grammar, where the models' text is drawn from one.")


class TableSpec(Settings):
    """Settings of the job that writes the tables."""

    experiment: str = Field(description="What scores call the models.")
    models: dict[str, Int] = Field(description="The models, each with its seed.", min_length=1)
    every: Int = Field(description="Iterations between two rows of the table of losses.", ge=1)
    grammar: bool = Field(description="Whether the models' text is drawn from a grammar, whose losses are shown, too.")
