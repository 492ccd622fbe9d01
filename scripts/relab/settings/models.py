"""Settings of language models: architecture, training, what is evaluated and sampled on the way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from relab.settings.base import Float, Int, Precision, Settings, Titled, kind_or
from relab.settings.references import LANGUAGE_MODEL, WITH_WEIGHTS, Ref
from relab.training.optimization import OPTIMIZERS, SCHEDULES


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

    kind: Literal[*SCHEDULES] = Field(
        "constant",
        description="Course of the learning rate after warm-up; on a plateau of the validation loss it is multiplied by the "
        "factor (PyTorch's ReduceLROnPlateau).",
    )
    warmup: Int = Field(0, description="Steps over which the rate rises linearly from 0.", ge=0)
    decay_steps: Int | None = Field(
        None,
        description="Step at which a linear decay ends, as Transformers' get_linear_schedule_with_warmup takes it: before the "
        "end of warm-up, such as -1, the rate is at its minimum as soon as warm-up is over. None: at the last step.",
        ge=-1,
    )
    minimum: Float = Field(0.0, description="Share of the learning rate at which the decay ends.", ge=0, le=1)
    factor: Float = Field(0.3, description="What the rate is multiplied by on a plateau.", gt=0, lt=1)
    patience: Int = Field(10, description="Evaluations without a lower validation loss that are no plateau yet.", ge=0)

    @model_validator(mode="after")
    def _only_a_linear_decay_has_an_end(self):
        if self.decay_steps is not None and self.kind != "linear":
            raise ValueError(f"decay_steps: only of the kind linear, found kind {self.kind}")
        return self


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


class Optimization(Settings):
    """How gradients become other weights: what every training has."""

    batch: Int = Field(description="Blocks or documents in a batch.", ge=1)
    accumulation: Int = Field(1, description="Batches whose gradients are added up for one step.", ge=1)
    optimizer: Literal[*OPTIMIZERS] = Field(
        "adamw",
        description="AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015), or stochastic gradient descent.",
    )
    learning_rate: Float = Field(description="Learning rate at its highest.", gt=0)
    betas: tuple[Float, Float] = Field((0.9, 0.999), description="Decay rates of the moments of AdamW and Adam.")
    momentum: Float = Field(0.9, description="Momentum of stochastic gradient descent.", ge=0, lt=1)
    weight_decay: Float = Field(0.01, description="Weight decay of matrices; biases and norms have none.", ge=0)
    decay_embeddings: bool = Field(
        True,
        description="Weight decay of embeddings too, which minGPT exempts; false also exempts an output layer that is tied to "
        "the embedding, since the two are one matrix, while one with weights of its own decays.",
    )
    clip: Float | None = Field(None, description="Gradients are scaled down to this norm.", gt=0)
    precision: Precision = Field(
        "auto",
        description="Number format of the multiplications, beside weights in float32; auto: bfloat16 on CUDA, else float32.",
    )
    early_stopping: Int | None = Field(
        None, description="Evaluations without a lower validation loss after which training ends before its last step.", ge=1
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Compute what lies between two blocks of the network a second time in the backward pass instead of keeping "
        "it: less memory, a third more time, the same losses.",
    )


class StepwiseTraining(Optimization):
    """A training of so many steps."""

    steps: Int = Field(description="Optimizer steps.", ge=1)
    schedule: Schedule = Field(Schedule(), description="Course of the learning rate.")
    keep: Literal["best", "last"] = Field(
        "best",
        description="The weights that the model has in the end: those of the lowest validation loss, or of the last step.",
    )
    sharded: bool = Field(
        False,
        description="Divide weights, gradients and moments among the cards of the job (FSDP) instead of giving each card all "
        "of them: for a model that one card cannot hold.",
    )

    @property
    def chosen_by_validation(self) -> str | None:
        """The first setting by which the validation loss chooses the weights, with what would leave them to the steps alone."""
        if self.keep == "best":
            return "keep: expected last, found best"
        if self.early_stopping is not None:
            return f"early_stopping: expected none, found {self.early_stopping}"
        if self.schedule.kind == "plateau":
            return "schedule.kind: expected constant, linear or cosine, found plateau"
        return None


class Training(StepwiseTraining):
    """A training run of a language model on a corpus."""

    reading: Literal["blocks", "documents"] = Field(
        "blocks",
        description="What a batch holds: blocks of the stream of all documents, or whole documents, cut to the block and "
        "padded to the longest of them; padding is never part of a loss.",
    )
    replacement: bool = Field(
        True,
        description="Draw blocks or documents with replacement, blocks from anywhere in the stream; false: each once an epoch, "
        "in an order shuffled for every epoch, blocks cut from the stream one behind the other.",
    )
    evaluation: Evaluation = Field(description="Evaluation during training.")
    samples: Progression | None = Field(None, description="Sampling during training.")


class TrainedModel(Titled):
    """A language model trained from random weights on one corpus."""

    kind: Literal["trained"] = Field("trained", description="Trained here, or published by others.")
    corpus: Ref["corpora"] = Field(description="The corpus it is trained on.")
    tokenizer: Ref["tokenizers"] = Field(description="Its tokenizer.")
    architecture: Architecture = Field(description="Its architecture.")
    training: Training = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of the weights, of the blocks drawn and of the texts sampled.", ge=0, lt=2**63)


class PublishedModel(Titled):
    """A language model as published: the files of an asset, imported once into a model directory like any other.

    Safetensors, GGUF or, for the few published without, a weights-only ``.bin``; code that comes with a model never runs.
    """

    kind: Literal["published"] = Field(description="Trained here, or published by others.")
    asset: Ref["assets"] = Field(description="The asset that holds its files.")


class EncoderModel(Titled):
    """A published encoder (BERT and its kin): imported like a language model, but it generates no text."""

    kind: Literal["encoder"] = Field(description="Trained here, or published by others.")
    asset: Ref["assets"] = Field(description="The asset that holds its files.")


class EncoderDecoderModel(Titled):
    """A published encoder–decoder (T5, BART, Marian): it reads a source and writes a target."""

    kind: Literal["encoder_decoder"] = Field(description="Trained here, or published by others.")
    asset: Ref["assets"] = Field(description="The asset that holds its files.")


class FullAdaptation(Settings):
    """All weights of the base are trained."""

    kind: Literal["full"] = Field("full", description="What is trained: all weights, LoRA's factors, or a prefix.")


class LoraAdaptation(Settings):
    """Low-rank updates of some matrices beside the frozen base (Hu et al. 2021), by PEFT."""

    kind: Literal["lora"] = Field(description="What is trained: all weights, LoRA's factors, or a prefix.")
    rank: Int = Field(16, description="Rank of an update.", ge=1)
    alpha: Float = Field(32, description="An update is multiplied by this over the rank.", gt=0)
    dropout: Float = Field(0.05, description="Dropout rate of what an update reads.", ge=0, lt=1)
    targets: list[str] | None = Field(
        None,
        description="Ends of the names of the layers that are updated, such as q_proj; none: those that PEFT names for the "
        "architecture.",
        min_length=1,
    )
    bias: Literal["none", "all", "lora_only"] = Field(
        "none", description="Biases that are trained too: none, all of the base, those of the updated layers."
    )


class PrefixAdaptation(Settings):
    """Keys and values of tokens that are not there, before every text, beside the frozen base (Li & Liang 2021), by PEFT.

    They take positions of their own: the context is shorter by them.
    """

    kind: Literal["prefix"] = Field(description="What is trained: all weights, LoRA's factors, or a prefix.")
    tokens: Int | None = Field(
        None, description="Length of the prefix, which starts from zeros; none, without a text: 20.", ge=1
    )
    text: str | None = Field(
        None,
        description="Text from whose keys and values the prefix starts instead, such as a prompt that does the task; it is as "
        "long as the text's tokens.",
        min_length=1,
    )

    @property
    def length(self) -> int | None:
        """Tokens of a prefix that starts from zeros; None for one that is as long as its text."""
        return (self.tokens or 20) if self.text is None else None

    @model_validator(mode="after")
    def _has_one_length(self):
        if self.text is not None and self.tokens is not None:
            raise ValueError("tokens: expected none beside text, whose tokens are the length of the prefix")
        return self


Adaptation = Annotated[
    Annotated[FullAdaptation, Tag("full")]
    | Annotated[LoraAdaptation, Tag("lora")]
    | Annotated[PrefixAdaptation, Tag("prefix")],
    Discriminator(kind_or("full")),
]


Quantisation = Annotated[
    Literal["8bit", "4bit"] | None,
    Field(description="Width of the frozen base's weights while an adapter is trained, by bitsandbytes. None: not quantised."),
]


class Adapted(Settings):
    """What all models that start from another one have in common: whether they are an adapter, and what goes together."""

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter beside its base, not a model of its own."""
        return self.adaptation.kind != "full"

    @model_validator(mode="after")
    def _adaptation_goes_together(self):
        kind = self.adaptation.kind
        if self.training.sharded and kind != "full":
            raise ValueError(f"training.sharded: only all weights are divided, found adaptation {kind}")
        if self.quantisation and kind == "full":
            raise ValueError("quantisation: only the frozen base of an adapter is quantised, found adaptation full")
        if self.training.gradient_checkpointing and kind == "prefix":
            raise ValueError("training.gradient_checkpointing: a prefix stands in the cache, which checkpoints do not keep")
        return self


class FinetunedModel(Titled, Adapted):
    """A language model trained on from another one's weights: all of them, or an adapter beside them.

    Dropout is that of the configuration of the base.
    """

    kind: Literal["finetuned"] = Field(description="Trained here, or published by others.")
    base: Ref["models", LANGUAGE_MODEL, WITH_WEIGHTS] = Field(
        description="The model that it starts from: a trained, a published or a fully finetuned one."
    )
    corpus: Ref["corpora"] = Field(description="The corpus it is trained on.")
    block: Int = Field(description="Tokens of a block, or of a document at most; within the base's context.", ge=2)
    adaptation: Adaptation = Field(FullAdaptation(), description="What is trained.")
    quantisation: Quantisation = None
    training: Training = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of new weights, of the blocks drawn and of the texts sampled.", ge=0, lt=2**63)
