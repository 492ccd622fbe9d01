"""Settings of classifiers: networks with a classification head, fine-tuned end to end or by an adapter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from relab.settings.base import Declaration, Float, Int, kind_or
from relab.settings.models import FullAdaptation, LoraAdaptation, Optimization
from relab.settings.references import ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS, Ref, of_kind

#: What may be trained of a classifier beside its head.
Adaptation = Annotated[
    Annotated[FullAdaptation, Tag("full")] | Annotated[LoraAdaptation, Tag("lora")], Discriminator(kind_or("full"))
]


class FineTuning(Optimization):
    """The fine-tuning of a classifier."""

    epochs: Int = Field(description="Passes over the training rows at most.", ge=1)
    batch: Int = Field(32, description="Rows in a batch.", ge=1)
    learning_rate: Float = Field(0.00005, description="Learning rate at its highest; it falls linearly to 0.", gt=0)
    warmup: Float = Field(0.1, description="Share of the steps over which the rate rises linearly from 0.", ge=0, lt=1)
    clip: Float | None = Field(1.0, description="Gradients are scaled down to this norm.", gt=0)
    evaluations: Int = Field(
        1, description="Evaluations on validation in an epoch, evenly spread; before the first step there is one more.", ge=1
    )


class FinetunedClassifier(Declaration):
    """A pretrained network with a classification head, fine-tuned on a data set; its best weights are those of the lowest
    validation loss."""

    model: Ref["models", ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS] = Field(
        description="The network: an encoder, or a language model, whose last real position is read."
    )
    pretrained: bool = Field(True, description="Start from the model's weights; if not, from random ones of the same network.")
    dataset: Ref["datasets", of_kind("a data set", "classification")] = Field(
        description="The data set, of the kind classification."
    )
    adaptation: Adaptation = Field(
        FullAdaptation(), description="What is trained beside the head: all weights, or LoRA's factors."
    )
    tokens: Int = Field(128, description="Tokens of a text at most; what is longer is cut and counted.", ge=2)
    training: FineTuning = Field(description="Its fine-tuning.")
    seed: Int = Field(0, description="Seed of the head and of random weights, of the rows' order, of dropout.", ge=0, lt=2**32)

    @model_validator(mode="after")
    def _adapts_something(self):
        if self.adaptation.kind != "full" and not self.pretrained:
            raise ValueError("adaptation: an adapter of random weights learns nothing, expected pretrained: true or kind: full")
        return self
