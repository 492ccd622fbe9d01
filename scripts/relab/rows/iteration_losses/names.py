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
    """A grammar, and those of its sentences that the models are evaluated on."""

    reader: GrammarReader
    sentences: Int  #: held-out sentences at most that the models' validation loss is a mean over
    block: Int  #: the models' block size


class Spec(Settings):
    """Settings of the job that scores: what scores call the models, the seed of each, the grammar of their text if any."""

    experiment: str
    models: dict[str, Int]
    grammar: HeldOut | None = None
