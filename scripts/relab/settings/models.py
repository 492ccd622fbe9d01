"""Settings of language models: architecture, training, what is evaluated and sampled on the way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from relab.settings.base import Declaration, Float, Int, Name, Settings


class Architecture(Settings):
    """A GPT-2: pre-norm Transformer decoder with learned positions (Radford et al. 2019)."""

    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    layers: Int = Field(description="Number of Transformer blocks.", ge=1)
    heads: Int = Field(description="Number of attention heads; divides the width.", ge=1)
    block: Int = Field(description="Block size: tokens of context.", ge=2)
    dropout: Float = Field(0.0, description="Dropout rate: embeddings, attention weights and residual branches.", ge=0, lt=1)
    activation: Literal["relu", "gelu", "gelu_new"] = Field("gelu_new", description="Activation of the feed-forward layers.")
    initialisation: Literal["normal", "xavier"] = Field(
        "normal",
        description="How the initial weights are drawn: normally, as GPT-2's, or uniformly within a bound that their shape "
        "gives (Glorot & Bengio 2010).",
    )
    initializer_range: Float = Field(0.02, description="Standard deviation of initial weights that are drawn normally.", gt=0)
    tied: bool = Field(True, description="Share the weights of the embedding and of the output layer.")

    @model_validator(mode="after")
    def _heads_divide_width(self):
        if self.width % self.heads:
            raise ValueError(f"the width must be divisible by the heads, found width {self.width} and heads {self.heads}")
        return self


class Schedule(Settings):
    """Learning rate over the steps."""

    kind: Literal["constant", "linear", "cosine", "plateau"] = Field(
        "constant",
        description="Course of the learning rate after warm-up; on a plateau of the validation loss it is multiplied by the "
        "factor (PyTorch's ReduceLROnPlateau).",
    )
    warmup: Int = Field(0, description="Steps over which the rate rises linearly from 0.", ge=0)
    minimum: Float = Field(0.0, description="Share of the learning rate at which the decay ends.", ge=0, le=1)
    factor: Float = Field(0.3, description="What the rate is multiplied by on a plateau.", gt=0, lt=1)
    patience: Int = Field(10, description="Evaluations without a lower validation loss that are no plateau yet.", ge=0)


class Evaluation(Settings):
    """When and on how much the losses are measured. The first and the last step are always among them."""

    every: Int = Field(description="Steps between two evaluations.", ge=1)
    blocks: Int = Field(
        description="Blocks (or documents) of the validation text, evenly spread, the same ones each time.", ge=1
    )


class Progression(Settings):
    """Texts sampled during training, one log a model."""

    every: Int = Field(description="Steps between two samplings.", ge=1)
    length: Int = Field(200, description="Tokens sampled for each text.", ge=1)
    number: Int = Field(1, description="Texts at each step.", ge=1)
    prompt: str = Field("\n", description="What each text starts from; not part of the text that is shown.", min_length=1)
    temperature: Float = Field(1.0, description="Softmax temperature.", gt=0)
    top_k: Int | None = Field(None, description="Draw among the k most probable tokens only.", ge=1)


class Training(Settings):
    """A training run with AdamW (Loshchilov & Hutter 2019)."""

    steps: Int = Field(description="Optimizer steps.", ge=1)
    reading: Literal["blocks", "documents"] = Field(
        "blocks",
        description="What a batch holds: blocks of the stream of all documents, or whole documents, cut to the block and "
        "padded to the longest of them; padding is never part of a loss.",
    )
    batch: Int = Field(description="Blocks or documents in a batch.", ge=1)
    accumulation: Int = Field(1, description="Batches whose gradients are added up for one step.", ge=1)
    learning_rate: Float = Field(description="Learning rate at its highest.", gt=0)
    betas: tuple[Float, Float] = Field((0.9, 0.999), description="Decay rates of AdamW's moments.")
    weight_decay: Float = Field(0.01, description="Weight decay of matrices; biases and norms have none.", ge=0)
    clip: Float | None = Field(None, description="Gradients are scaled down to this norm.", gt=0)
    schedule: Schedule = Field(Schedule(), description="Course of the learning rate.")
    early_stopping: Int | None = Field(
        None, description="Evaluations without a lower validation loss after which training ends before its last step.", ge=1
    )
    evaluation: Evaluation = Field(description="Evaluation during training.")
    samples: Progression | None = Field(None, description="Sampling during training.")


class TrainedModel(Declaration):
    """A language model trained from random weights on one corpus."""

    kind: Literal["trained"] = Field("trained", description="Trained here, or published by others.")
    corpus: Name = Field(description="The corpus it is trained on.")
    tokenizer: Name = Field(description="Its tokenizer.")
    architecture: Architecture = Field(description="Its architecture.")
    training: Training = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of the weights, of the blocks drawn and of the texts sampled.", ge=0, lt=2**63)


class PublishedModel(Declaration):
    """A language model as published: the files of an asset, imported once into a model directory like any other.

    Safetensors, GGUF or, for the few published without, a weights-only ``.bin``; code that comes with a model never runs.
    """

    kind: Literal["published"] = Field(description="Trained here, or published by others.")
    asset: Name = Field(description="The asset that holds its files.")


class EncoderModel(Declaration):
    """A published encoder (BERT and its kin): imported like a language model, but it generates no text."""

    kind: Literal["encoder"] = Field(description="Trained here, or published by others.")
    asset: Name = Field(description="The asset that holds its files.")


def _kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "trained" if kind is None else str(kind)


Model = Annotated[
    Annotated[TrainedModel, Tag("trained")]
    | Annotated[PublishedModel, Tag("published")]
    | Annotated[EncoderModel, Tag("encoder")],
    Discriminator(_kind),
]
