"""Settings of models that learn from pairs of a source and its target."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from relab.settings.asking import Asking
from relab.settings.base import Float, Int, Settings, Titled
from relab.settings.models import Adaptation, Adapted, FullAdaptation, Quantisation, StepwiseTraining
from relab.settings.references import GENERATIVE, PAIRS, WITH_WEIGHTS, Ref


class PairsEvaluation(Settings):
    """When and on how many pairs the loss is measured. The first and the last step are always among them."""

    every: Int = Field(description="Steps between two evaluations.", ge=1)
    pairs: Int | None = Field(
        None, description="Validation pairs, evenly spread, the same ones each time; none: all of them.", ge=1
    )


class PairsTraining(StepwiseTraining):
    """A training run on pairs: the loss is that of the target's tokens alone."""

    batch: Int = Field(description="Pairs in a batch.", ge=1)
    smoothing: Float = Field(
        0.0,
        description="Share of the probability that training wants evenly spread over the vocabulary (Szegedy et al. 2016); of "
        "encoder–decoders. Losses of evaluations are without it.",
        ge=0,
        lt=1,
    )
    evaluation: PairsEvaluation = Field(description="Evaluation during training.")


class EncoderDecoder(Settings):
    """An encoder–decoder from random weights, as Transformers has it."""

    kind: Literal["marian", "bart", "t5"] = Field(
        "marian",
        description="Marian (fixed sinusoidal positions), BART (learned positions) or T5 (relative positions).",
    )
    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    encoder_layers: Int = Field(description="Transformer blocks of the encoder.", ge=1)
    decoder_layers: Int = Field(description="Transformer blocks of the decoder.", ge=1)
    heads: Int = Field(description="Number of attention heads; divides the width.", ge=1)
    feed_forward: Int | None = Field(None, description="Width of the feed-forward layers; none: four times the width.", ge=1)
    dropout: Float = Field(0.1, description="Dropout rate.", ge=0, lt=1)
    initializer_range: Float | None = Field(
        None,
        description="Standard deviation of the initial weights; none: 1 over the root of the width, with which a small model "
        "learns to read its source some times faster than with the 0.02 of large ones; T5 has a rule of its own.",
        gt=0,
    )

    @model_validator(mode="after")
    def _heads_divide_width(self):
        if self.width % self.heads:
            raise ValueError(f"the width must be divisible by the heads, found width {self.width} and heads {self.heads}")
        return self


class _OnPairs(Titled):
    dataset: Ref["datasets", PAIRS] = Field(description="The data set of pairs that it is trained on.")
    source_tokens: Int = Field(256, description="Tokens of a source at most, its prompt included; what is longer is cut.", ge=2)
    target_tokens: Int = Field(64, description="Tokens of a target at most, its end included; what is longer is cut.", ge=2)
    training: PairsTraining = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of new weights and of the order of the pairs.", ge=0, lt=2**63)


class TrainedOnPairs(_OnPairs):
    """An encoder–decoder trained from random weights on a data set of pairs."""

    kind: Literal["trained_on_pairs"] = Field(description="Trained here, or published by others.")
    tokenizer: Ref["tokenizers"] = Field(description="Its tokenizer, of sources and targets; it has a token that ends a text.")
    architecture: EncoderDecoder = Field(description="Its architecture.")


class FinetunedOnPairs(_OnPairs, Asking, Adapted):
    """A model trained on to write the target of a source: all of its weights, or an adapter beside them.

    An encoder–decoder reads the source and writes the target; a language model continues the source by it.
    """

    kind: Literal["finetuned_on_pairs"] = Field(description="Trained here, or published by others.")
    base: Ref["models", GENERATIVE, WITH_WEIGHTS] = Field(description="The model that it starts from.")
    adaptation: Adaptation = Field(FullAdaptation(), description="What is trained; a prefix: of a language model alone.")
    quantisation: Quantisation = None

    @property
    def block(self) -> int:
        """Tokens of a source and its target at most, which a language model reads as one text."""
        return self.source_tokens + self.target_tokens
