"""What the jobs of a row share: the settings of prompts, names of metrics.

Experiments and their metrics, all in the split ``words``:

- ``{experiment}/model``: how far the models' distributions are from the grammar's; what their texts are, and what the
  temperature does to them.
- ``{experiment}/training text``: how far the frequencies in the training text are from the grammar at the models' steps.
"""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Float, Int, Settings

#: The split of what is measured on generated texts.
WORDS = "words"

#: Mean total-variation distance from the grammar over the steps at which a sentence goes on, all and the first two.
DISTANCE, FIRST_DISTANCE = "total variation", "total variation of the first two words"
#: Share of the tokens up to the first full stop with which a text no longer begins a sentence of the grammar, a mean over
#: texts: 0 for a model that is the grammar, whatever it says behind the full stop.
UNGRAMMATICAL = "ungrammatical tokens before the full stop"
#: Share of the greedy tokens that differ from those at temperature 1, and by how much their printed probabilities differ.
CHANGED, SHIFTED = "greedy words changed by temperature", "probabilities changed by temperature"


class Words(Settings):
    """A prompt whose words are shown with their probabilities."""

    prompt: str = Field(description="The prompt.", min_length=1)
    temperature: Float = Field(description="Softmax temperature.", gt=0)


class Alternatives(Settings):
    """The most probable tokens at every step."""

    prompts: list[str] = Field(description="The prompts.", min_length=1)
    number: Int = Field(6, description="Tokens shown at every step.", ge=1)
