"""Settings of stand-ins: what an asset's files look like, so that a rehearsal can make some of the same shape."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from relab.settings.base import Int, Settings

#: A cell of a table: text with blanks to fill, a number, a structure of cells by name, or a list of cells.
Cell = Any


class Layout(Settings):
    """The layout of a file without others in it, or of a table of a database.

    In its texts ``{sentence}``, ``{sentences}``, ``{word}``, ``{name}`` and ``{opening}`` are drawn, ``{number}`` is that of
    the row, from 0, ``{quotient:K}`` and ``{number:K}`` are that divided by K and what remains, ``{choice:a|b}`` is one of them
    in turn. Behind the colon of a word or a sentence stands its language (``it``, ``pl``). A text that is one number in braces
    is a number.
    """

    rows: Int = Field(60, description="Rows of the table, or how often the text stands in the file.", ge=1)
    columns: dict[str, Cell] | None = Field(None, description="Cells of a table by column; the format is the file's ending.")
    header: bool = Field(True, description="Whether the columns' names are the first line of a CSV or TSV file.")
    text: str | None = Field(None, description="What stands in the file, once a row.")
    head: str = Field("", description="What stands before all rows of a text.")
    foot: str = Field("", description="What stands behind them.")
    content: dict[str, Any] | None = Field(None, description="What a JSON file holds.")

    @model_validator(mode="after")
    def _is_of_one_kind(self):
        names = [name for name in ("columns", "text", "content", "members") if name in type(self).model_fields]
        kinds = [name for name in names if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"expected one of {', '.join(names)}, found {' and '.join(kinds) or 'none'}")
        return self


class FileStandIn(Layout):
    """The layout of one file."""

    members: dict[str, Layout] | None = Field(None, description="Files of an archive, or tables of an SQLite database.")


class TokenizerStandIn(Settings):
    """The kind of a published tokenizer."""

    kind: Literal["byte_pair", "word_pieces", "unigram", "byte_fallback"] = Field(
        description="Byte-level byte pairs (GPT-2), word pieces (BERT), SentencePiece's unigrams (T5), or its pairs with bytes "
        "for what lacks (Llama)."
    )
    first: list[str] = Field([], description="Control tokens that have the first ids.")
    last: list[str] = Field([], description="Control tokens that have the last ids.")
    roles: dict[Literal["bos", "eos", "pad", "unk"], str] = Field(
        {}, description="Control tokens by what they are for; ids in the configuration that are large follow them."
    )


class StandIn(Settings):
    """What a rehearsal makes in the place of an asset: files of its layout, a model of its architecture with few weights."""

    files: dict[str, FileStandIn] = Field({}, description="Layout of files by name, in which * stands for anything.")
    config: dict[str, Any] | None = Field(
        None, description="The configuration that a model is published with, whose sizes are then made small."
    )
    dtype: Literal["float32", "float16", "bfloat16"] = Field("float32", description="Number format of the published weights.")
    template: str = Field("", description="Chat template of a model in a GGUF file.")
    tokenizer: TokenizerStandIn | None = Field(None, description="The model's tokenizer.")
