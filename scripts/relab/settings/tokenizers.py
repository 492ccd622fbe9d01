"""Settings of tokenizers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relab.settings.base import Declaration, Name


class CharacterTokenizer(Declaration):
    """Every character that occurs in the corpus (training and validation text, as in the lecture) is one token."""

    kind: Literal["character"] = Field(description="Kind of tokenizer.")
    corpus: Name = Field(description="The corpus whose characters make the vocabulary.")


Tokenizer = CharacterTokenizer  # a union, told apart by `kind`, once there is a second one
