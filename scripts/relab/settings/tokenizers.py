"""Settings of tokenizers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from relab.settings.base import Float, Int, Titled
from relab.settings.corpora import RegularExpression
from relab.settings.references import PAIRS, Ref


class _Trained(Titled):
    """A tokenizer that is made from a corpus, or from the sources and targets of a data set of pairs."""

    corpus: Ref["corpora"] | None = Field(None, description="The corpus that it is made from.")
    dataset: Ref["datasets", PAIRS] | None = Field(
        None,
        description="The data set of pairs that it is made from instead; that of characters then has tokens for padding and "
        "for the end of a text.",
    )

    @model_validator(mode="after")
    def _has_one_origin(self):
        if (self.corpus is None) == (self.dataset is None):
            found = "neither" if self.corpus is None else "both"
            raise ValueError(f"expected corpus or dataset, found {found}")
        return self


class CharacterTokenizer(_Trained):
    """Every character that occurs in the corpus (training and validation text, as in the lecture) is one token."""

    kind: Literal["character"] = Field(description="Kind of tokenizer.")
    pattern: RegularExpression | None = Field(
        None,
        description="Of a data set: a regular expression each of whose matches is a token, as `[a-z]| ?[A-Z]+` for letters and "
        "phonemes. None: every character is one.",
    )

    @model_validator(mode="after")
    def _has_characters(self):
        if self.pattern is not None and self.dataset is None:
            raise ValueError("pattern: only of a tokenizer of a dataset; that of a corpus has a token for each character")
        return self


class BytePairTokenizer(_Trained):
    """Byte-level byte-pair encoding, as GPT-2's (Radford et al. 2019), trained on the training text of a corpus."""

    kind: Literal["byte_pair"] = Field(description="Kind of tokenizer.")
    vocab_size: Int = Field(description="Tokens of the vocabulary: 256 bytes, the end of a text, and what was merged.", ge=257)


class SentencePieceTokenizer(_Trained):
    """SentencePiece (Kudo & Richardson 2018) with byte-pair encoding, trained on the training text of a corpus.

    A text is normalised (NFKC; blanks in a row and line ends become one blank) and stands between `<bos>` and `<eos>`.
    """

    kind: Literal["sentencepiece"] = Field(description="Kind of tokenizer.")
    vocab_size: Int = Field(description="Pieces of the vocabulary, the three special ones among them.", ge=4)
    lower_case: bool = Field(False, description="Fold case to lower.")
    character_coverage: Float = Field(
        0.9995,
        description="Share of the training text whose characters are in the vocabulary; the rarest ones are unknown.",
        gt=0,
        le=1,
    )
    byte_fallback: bool = Field(
        False, description="A character that is not in the vocabulary becomes its bytes in UTF-8, which are: none is unknown."
    )
    documents: Int = Field(
        100000,
        description="Documents of the training text that it is trained on at most, evenly spread: they are in memory.",
        ge=1,
    )


class PublishedTokenizer(Titled):
    """A tokenizer as published: the files of an asset, which may be a model's."""

    kind: Literal["published"] = Field(description="Kind of tokenizer.")
    asset: Ref["assets"] = Field(description="The asset that holds its files.")


Tokenizer = Annotated[
    CharacterTokenizer | BytePairTokenizer | SentencePieceTokenizer | PublishedTokenizer, Field(discriminator="kind")
]
