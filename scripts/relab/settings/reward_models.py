"""Settings of reward models: networks that give a text a number, trained here on preferences or published by others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from relab.settings.base import Declaration, Float, Int
from relab.settings.classifiers import Adaptation
from relab.settings.models import FullAdaptation
from relab.settings.preference_models import PreferenceTraining
from relab.settings.references import (
    ENCODER_OR_LANGUAGE_MODEL,
    PREFERENCES,
    WITH_PUBLISHED_TOKENIZER,
    WITH_WEIGHTS,
    Ref,
)

#: What of a text the head reads.
Pooling = Literal["last", "mean"]

Tokens = Annotated[
    Int,
    Field(
        description="Tokens of a text at most, with its prompt; what is longer loses its beginning, which a training counts.",
        ge=2,
    ),
]


class RewardTraining(PreferenceTraining):
    """The training of a reward model: its loss is minus the log-probability that the preferred text wins, which is the
    logistic function of the difference of the two rewards (Bradley & Terry 1952).
    """

    head_learning_rate: Float | None = Field(
        None,
        description="Learning rate of the new head at its highest, in the same course as that of the other weights; none: the "
        "same rate. A rate that suits pretrained weights hardly moves a head within a few dozen steps.",
        gt=0,
    )

    @property
    def head_rate_scale(self) -> float:
        """The head's learning rate as a multiple of that of the other weights."""
        return (self.head_learning_rate or self.learning_rate) / self.learning_rate

    @model_validator(mode="after")
    def _is_not_sharded(self):
        if self.sharded:
            raise ValueError("sharded: a reward model is not divided among cards; expected false, found true")
        return self


class TrainedRewardModel(Declaration):
    """A pretrained network with a new head of one output, trained on pairs of which one text is preferred.

    It reads a prompt and its answer as one text. Rewards are comparable within a reward model alone, and a constant added to
    all of them would change nothing.
    """

    # no part of a job's settings: its rule makes no other kind
    kind: Literal["trained"] = Field("trained", description="Trained here, or published by others.", exclude=True)
    model: Ref["models", ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS] = Field(
        description="The network that it starts from: an encoder or a language model."
    )
    dataset: Ref["datasets", PREFERENCES] = Field(description="The data set of preferences that it is trained on.")
    pooling: Pooling = Field(
        "last",
        description="What the head reads: the state of the last token of the text, special tokens included, or the mean of all "
        "of them; padding is never read.",
    )
    adaptation: Adaptation = Field(
        FullAdaptation(),
        description="What is trained beside the head: all weights, or LoRA's factors, which are added to them at the end.",
    )
    tokens: Tokens = 128
    training: RewardTraining = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of the head, of LoRA's factors, of the pairs' order, of dropout.", ge=0, lt=2**32)


class PublishedRewardModel(Declaration):
    """A classifier, or a reward model with one output, as published: the files of an asset, imported once.

    The reward of a text is the classifier's logit of one class, before the softmax, as in TRL's examples of sentiment: a
    probability near 1 or 0 tells good texts from better ones no more.
    """

    kind: Literal["published"] = Field(description="Trained here, or published by others.")
    asset: Ref["assets"] = Field(description="The asset that holds the network for sequence classification, with its head.")
    model: Ref["models", WITH_PUBLISHED_TOKENIZER] = Field(
        description="The published encoder or language model whose tokenizer it reads with."
    )
    label: str | None = Field(
        None,
        description="The class whose logit is the reward, as `id2label` in the asset's config.json has it; none: the network "
        "has one output, which is the reward.",
        min_length=1,
    )
    tokens: Tokens = 128
