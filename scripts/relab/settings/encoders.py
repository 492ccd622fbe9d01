"""Settings of encoders: pretrained networks that turn texts into vectors and are not trained any further."""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Int, Precision, Titled
from relab.settings.references import ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS, Ref


class Encoder(Titled):
    """A frozen encoder: a model whose last layer is pooled into one vector a text."""

    model: Ref["models", ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS] = Field(
        description="The model: an encoder, or any language model."
    )
    tokens: Int = Field(
        128, description="Tokens of a text at most, marks at its ends among them; what is longer is cut and counted.", ge=2
    )
    batch_tokens: Int | None = Field(
        None,
        description="Tokens of a batch at most, padding counted; null: 1024 on a CPU, which gains nothing by more, and 4096 on "
        "other devices. Bounds the memory; like the company of a text it changes the last bits of the result.",
        ge=1,
    )
    precision: Precision = Field(
        "auto",
        description="Number format of the network's weights. `auto`: float32, on a CUDA card bfloat16. The vectors are float32 "
        "in any case.",
    )
