"""What the jobs of a row share: their settings, the names of experiments and metrics.

Experiments are ``tokenizer/{name}``, on the validation text (split ``validation``) and on all documents (split ``all``).
"""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Name, Settings

VALIDATION, ALL = "validation", "all"

#: Metrics by name, with the split that each is of.
PER_TOKEN, UNKNOWN = ("characters a token", VALIDATION), ("share of unknown tokens", VALIDATION)
VALIDATION_TOKENS = ("tokens of the validation text", VALIDATION)
LONGEST, CUT, DOCUMENTS = ("longest document", ALL), ("share of documents cut", ALL), ("documents", ALL)


def experiment(tokenizer: str) -> str:
    """The experiment of a tokenizer."""
    return f"tokenizer/{tokenizer}"


class Spec(Settings):
    """Settings of the job that scores."""

    tokenizers: list[Name] = Field(description="The tokenizers, in the order of the table.", min_length=1)
    corpus: Name = Field(description="The corpus.")
    limit: Int = Field(description="Tokens, marks included, beyond which a document counts as cut.", ge=3)


class ShownTokenizer(Settings):
    """A tokenizer as the table shows it."""

    name: Name = Field(description="Its name.")
    vocabulary: Int = Field(description="Pieces of its vocabulary.", ge=1)
    lower_case: bool = Field(description="Whether it folds case.")
    character_coverage: float = Field(description="Share of the training text whose characters are in the vocabulary.")
    byte_fallback: bool = Field(description="Whether other characters become bytes.")


class TableSpec(Settings):
    """Settings of the job that writes the table."""

    tokenizers: list[ShownTokenizer] = Field(description="The tokenizers, in the order of the table.", min_length=1)
    limit: Int = Field(description="Tokens, marks included, beyond which a document counts as cut.", ge=3)
