"""Settings of published architectures whose weights are not needed: their parameters are counted, their memory computed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relab.settings.base import Int, Settings


class Size(Settings):
    """A published architecture, whose parameters are counted without its weights."""

    name: str = Field(description="What the table calls it.")
    architecture: Literal["openai-gpt", "gpt2"] = Field("gpt2", description="Architecture as Transformers names it.")
    vocabulary: Int = Field(description="Tokens of the vocabulary.", ge=1)
    context: Int = Field(description="Tokens of context.", ge=1)
    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    layers: Int = Field(description="Number of Transformer blocks.", ge=1)
    heads: Int = Field(description="Number of attention heads.", ge=1)
