"""Settings of tokenizers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from relab.settings.base import Declaration, Int, Name


class CharacterTokenizer(Declaration):
    """Every character that occurs in the corpus (training and validation text, as in the lecture) is one token."""

    kind: Literal["character"] = Field(description="Kind of tokenizer.")
    corpus: Name = Field(description="The corpus whose characters make the vocabulary.")


class BytePairTokenizer(Declaration):
    """Byte-level byte-pair encoding, as GPT-2's (Radford et al. 2019), trained on the training text of a corpus."""

    kind: Literal["byte_pair"] = Field(description="Kind of tokenizer.")
    corpus: Name = Field(description="The corpus whose training text it is trained on.")
    vocab_size: Int = Field(description="Tokens of the vocabulary: 256 bytes, the end of a text, and what was merged.", ge=257)


class PublishedTokenizer(Declaration):
    """A tokenizer as published: the files of an asset, which may be a model's."""

    kind: Literal["published"] = Field(description="Kind of tokenizer.")
    asset: Name = Field(description="The asset that holds its files.")


Tokenizer = Annotated[CharacterTokenizer | BytePairTokenizer | PublishedTokenizer, Field(discriminator="kind")]
