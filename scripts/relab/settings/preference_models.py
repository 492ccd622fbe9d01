"""Settings of language models that learn from preferences: direct preference optimisation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from relab.settings.asking import Asking
from relab.settings.base import Float, Int, Titled, kind_or
from relab.settings.models import Adapted, FullAdaptation, LoraAdaptation, Quantisation, StepwiseTraining
from relab.settings.pair_models import PairsEvaluation
from relab.settings.references import LANGUAGE_MODEL, PREFERENCES, WITH_WEIGHTS, Ref


class LoraOfPolicy(LoraAdaptation):
    """Low-rank updates of some matrices beside the frozen base (Hu et al. 2021), by PEFT; without dropout."""

    dropout: Float = Field(
        0.0,
        description="Dropout rate of what an update reads; always 0, since a policy with dropout is another than its "
        "reference before it has learnt anything.",
        ge=0,
        le=0,
    )


#: What of a policy is trained.
PolicyAdaptation = Annotated[
    Annotated[FullAdaptation, Tag("full")] | Annotated[LoraOfPolicy, Tag("lora")], Discriminator(kind_or("full"))
]


class PreferenceTraining(StepwiseTraining):
    """A training run on preferences."""

    batch: Int = Field(description="Pairs of answers in a batch.", ge=1)
    evaluation: PairsEvaluation = Field(description="Evaluation during training.")


class DpoModel(Titled, Asking, Adapted):
    """A language model that learns which of two answers is preferred, by direct preference optimisation (Rafailov et al. 2023).

    Its reference is the base that it starts from. There is no dropout, whatever the base's configuration says. An answer
    stands right behind its prompt, as in data sets of dialogues and of labelled texts, whose answers begin with their blank.
    """

    kind: Literal["dpo"] = Field(description="Trained here, or published by others.")
    base: Ref["models", LANGUAGE_MODEL, WITH_WEIGHTS] = Field(description="The model that it starts from, and its reference.")
    dataset: Ref["datasets", PREFERENCES] = Field(description="The data set of preferences that it is trained on.")
    beta: Float = Field(0.1, description="How strongly it is held to its reference.", gt=0)
    loss: Literal["sigmoid", "reference_free"] = Field(
        "sigmoid",
        description="The loss of the paper, or that without a reference: as if all answers were equally probable under it.",
    )
    end: bool = Field(True, description="Answers end with the tokenizer's end token.")
    prompt_tokens: Int = Field(256, description="Tokens of a prompt at most, its template included; the last ones stay.", ge=2)
    answer_tokens: Int = Field(64, description="Tokens of an answer at most, its end included; what is longer is cut.", ge=2)
    adaptation: PolicyAdaptation = Field(FullAdaptation(), description="What is trained.")
    quantisation: Quantisation = None
    training: PreferenceTraining = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of new weights and of the order of the pairs.", ge=0, lt=2**63)

    @property
    def block(self) -> int:
        """Tokens of a prompt and an answer at most, which it reads as one text."""
        return self.prompt_tokens + self.answer_tokens
