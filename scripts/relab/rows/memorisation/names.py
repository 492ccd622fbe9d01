"""What the jobs of a row share: their settings, the names of splits and metrics.

Beside what :mod:`relab.rows.shared.finetuning_names` says, scores have

- splits ``trained`` and ``tail``: what a model makes of the text that is learnt, and of the rest of the text;
- split ``texts``: whether other methods gave the same texts as the greedy one;
- ``{declaration}/{prompt}``, splits ``trained`` and ``tail``: how much of a greedy text stands in either.
"""

from __future__ import annotations

from pydantic import Field

from relab.rows.shared import finetuning_names
from relab.settings.base import Int, Name

TRAINED, TAIL = "trained", "tail"
#: The splits of the corpus that they are.
SPLITS = {TRAINED: "train", TAIL: "validation"}

PROBABILITY, LOGPROB, TOKENS_READ = "probability a token", "log-probability of the continuation", "tokens read"
CHARACTERS, TOKENS, COPIED = "longest copied run of characters", "longest copied run of tokens", "copied 8-grams"
SAME = "same text as greedy"


class MeasureSpec(finetuning_names.MeasureSpec):
    """Settings of the job that measures what models know of the text."""

    opening: Int = Field(ge=1)  #: words of each document that they are given before the rest that counts


class ScoreSpec(finetuning_names.Spec):
    """Settings of the jobs that score the row and write its tables: with the sampling of each model and of the base."""

    samplings: dict[Name, Name]
