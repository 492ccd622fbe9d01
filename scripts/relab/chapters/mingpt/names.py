"""Names of the chapter's experiments and metrics, as its scores have them and its tables and claims look them up.

Experiments and their metrics, losses in nats per token:

- ``sentences/model``: the models on sentences; losses, ``final loss minus grammar loss``, ``initial loss minus ln V``, and
  of the texts of E2 and E3 (split ``words``) the metrics below.
- ``sentences/grammar``: the loss of a model that knows the grammar, on the sentences that the models are evaluated on; and the
  grammar's ``entropy``, the mean of that loss over all sentences that may be drawn.
- ``sentences/training text``: the loss of one that knows the frequencies in the training text (split ``train``), and how far
  these are from the grammar at the models' steps.
- ``sentences/uniform``: the loss of a uniform guess, ln V.
- ``larger/model``: the models on a larger corpus; losses.
"""

MODEL, GRAMMAR, TRAINING_TEXT, UNIFORM = (f"sentences/{name}" for name in ("model", "grammar", "training text", "uniform"))
LARGER = "larger/model"

#: The split of what is measured on generated texts.
WORDS = "words"

LOSS, INITIAL, FINAL, BEST = "loss", "initial loss", "final loss", "best loss"
BITS_PER_BYTE = "final bits per byte"
ABOVE_UNIFORM, ABOVE_GRAMMAR = "initial loss minus ln V", "final loss minus grammar loss"
ENTROPY = "entropy"

#: Mean total-variation distance from the grammar over the steps at which a sentence goes on, all and the first two.
DISTANCE, FIRST_DISTANCE = "total variation", "total variation of the first two words"
#: Share of the tokens up to the first full stop with which a text of E2 no longer begins a sentence of the grammar, a mean over
#: texts: 0 for a model that is the grammar, whatever it says behind the full stop.
UNGRAMMATICAL = "ungrammatical tokens before the full stop"
#: Share of the greedy tokens that are others than at temperature 1, and by how much their printed probabilities differ.
CHANGED, SHIFTED = "greedy words changed by temperature", "probabilities changed by temperature"
