"""What the jobs of a row share: their settings, and the names of experiments and metrics.

Metrics are those of :mod:`relab.metrics.generation_names` that need no reference, and the length of the texts. Experiments
are ``{sampling}/{method}``, ``{name of the row}/lead-3`` (by the number of sentences) and ``{name of the row}/article``; the
split is ``texts``, the unit the article with all of its texts.
"""

from __future__ import annotations

from relab.settings.base import Int, Name, Settings

SPLIT = "texts"
ARTICLE = "article"
#: What stands in the place of the model.
BASELINE = "baseline"

WORDS, SENTENCES = "words", "sentences"
#: Sizes of the novel n-grams.
SIZES = (1, 2, 3)


class Spec(Settings):
    """Settings of both jobs."""

    name: Name
    samplings: list[Name]
    lead: Int


class Sampled(Settings):
    """How the texts of a sampling were made: the model, the one whose directory has its settings of generation, the limit."""

    model: Name
    settings_of: Name
    length: Int


class TableSpec(Spec):
    """Settings of the job that writes the tables."""

    sampled: dict[Name, Sampled]
