"""Settings of policies: language models that learn by trial from the rewards of their answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from relab.settings.asking import Asking
from relab.settings.base import Float, Int, Settings, Titled
from relab.settings.models import Adapted, FullAdaptation, Quantisation, StepwiseTraining
from relab.settings.preference_models import PolicyAdaptation
from relab.settings.references import LANGUAGE_MODEL, PREFERENCES, WITH_WEIGHTS, Ref


class PolicyEvaluation(Settings):
    """When and on how many answers a policy is measured. The first and the last step are always among them."""

    every: Int = Field(description="Steps between two evaluations.", ge=1)
    texts: Int = Field(
        64,
        description="Validation prompts, evenly spread, the same ones with the same random numbers each time; all where there "
        "are fewer.",
        ge=1,
    )


class PolicyTraining(StepwiseTraining):
    """A training run of a policy. Each iteration samples texts, and goes over them in so many epochs of steps.

    The validation loss is minus the standardised reward of the answers, less the KL divergence times its first coefficient.
    """

    batch: Int = Field(description="Texts in a batch.", ge=1)
    texts: Int = Field(64, description="Texts sampled in each iteration: a multiple of the texts of a step.", ge=2)
    epochs: Int = Field(2, description="How often each text is learnt from.", ge=1)
    weight_decay: Float = Field(
        0.0, description="Weight decay of matrices, which would draw a policy away from its reference.", ge=0
    )
    keep: Literal["best", "last"] = Field(
        "last",
        description="The weights that the model has in the end: those of the last step, or of the lowest validation loss.",
    )
    critic_learning_rate: Float | None = Field(
        None,
        description="Learning rate of what estimates values at its highest, with the same course; none: the same rate.",
        gt=0,
    )
    evaluation: PolicyEvaluation = Field(description="Evaluation during training.")

    @property
    def steps_per_iteration(self) -> int:
        """Steps that learn from the texts of one iteration."""
        return self.texts // (self.batch * self.accumulation) * self.epochs

    @model_validator(mode="after")
    def _goes_together(self):
        if self.texts % (in_step := self.batch * self.accumulation):
            raise ValueError(
                f"texts: expected a multiple of the texts of a step (batch × accumulation, {in_step}), found {self.texts}"
            )
        for key in ("sharded", "gradient_checkpointing"):
            if getattr(self, key):
                raise ValueError(f"{key}: not of policies, whose network samples too; expected false, found true")
        return self


class KlPenalty(Settings):
    """What departing from the reference costs, in standard deviations of the reward."""

    coefficient: Float = Field(0.3, description="Cost of a nat of KL divergence: β.", ge=0)
    target: Float | None = Field(
        None,
        description="Nats a text to which the coefficient is adapted after each iteration (Ziegler et al. 2019); none: it is "
        "fixed.",
        gt=0,
    )
    horizon: Int = Field(10_000, description="Texts after which an adapted coefficient may have changed by a fifth.", ge=1)
    bound: Float = Field(
        100.0, description="Nats a text above which training stops with an error: the policy has run away.", gt=0
    )

    @model_validator(mode="after")
    def _can_be_adapted(self):
        if self.target is not None and not self.coefficient:
            raise ValueError("coefficient: expected a number above 0 beside a target, since it is multiplied; found 0")
        return self


class PpoModel(Titled, Asking, Adapted):
    """A language model that learns from the rewards of its own answers, by proximal policy optimisation (Schulman et al. 2017).

    Its reference is the base that it starts from. Answers are drawn from the whole distribution, without dropout. With
    advantages that leave one out and two answers to a prompt or more it is RLOO (Ahmadian et al. 2024).
    """

    kind: Literal["ppo"] = Field(description="Trained here, or published by others.")
    base: Ref["models", LANGUAGE_MODEL, WITH_WEIGHTS] = Field(description="The model that it starts from, and its reference.")
    dataset: Ref["datasets", PREFERENCES] = Field(
        description="The data set whose prompts it answers: those of the training split to learn, of the validation split to "
        "be measured."
    )
    reward_model: Ref["reward_models"] = Field(description="What scores its answers, each behind its prompt.")
    prompt_tokens: Int = Field(
        64, description="Tokens of a prompt at most, its template included; longer prompts are left out, and counted.", ge=1
    )
    answer_tokens: Int = Field(24, description="Tokens of an answer at most, its end included.", ge=1)
    answers: Int = Field(1, description="Answers to each prompt in an iteration; a divisor of training.texts.", ge=1)
    temperature: Float = Field(
        1.0, description="Softmax temperature: the policy is the distribution at it, when sampled and when trained.", gt=0
    )
    reference_texts: Int = Field(
        256,
        description="Answers of the reference whose rewards have the mean 0 and the standard deviation 1 once standardised.",
        ge=2,
    )
    kl: KlPenalty = Field(KlPenalty(), description="What departing from the reference costs.")
    advantages: Literal["gae", "leave_one_out"] = Field(
        "gae",
        description="How much better than expected a token was: by a critic (Schulman et al. 2016), or by the other answers to "
        "its prompt.",
    )
    critic: Literal["copy", "head"] | None = Field(
        None,
        description="What estimates values: a copy of the base, trained for it, or a head on the policy's states. None: a copy "
        "beside full weights, a head beside an adapter. Unused where one is left out.",
    )
    whiten: bool = Field(True, description="Give the advantages of an iteration the mean 0 and the standard deviation 1.")
    clip_range: Float = Field(
        0.2, description="How far a token's probability may depart from what it was when sampled before learning stops.", gt=0
    )
    discount: Float = Field(1.0, description="What a reward counts less a token later: γ.", gt=0, le=1)
    decay: Float = Field(0.95, description="How far rewards are trusted over the critic's values: λ.", ge=0, le=1)
    value_coefficient: Float = Field(0.1, description="Weight of the critic's loss.", gt=0)
    adaptation: PolicyAdaptation = Field(FullAdaptation(), description="What is trained.")
    quantisation: Quantisation = None
    training: PolicyTraining = Field(description="Its training.")
    seed: Int = Field(0, description="Seed of new weights, of the order of prompts and texts, of the draws.", ge=0, lt=2**63)

    @property
    def block(self) -> int:
        """Tokens of a prompt and an answer at most, which it reads as one text."""
        return self.prompt_tokens + self.answer_tokens

    @property
    def value_network(self) -> Literal["copy", "head"] | None:
        """What estimates values; None: nothing does."""
        if self.advantages == "leave_one_out":
            return None
        return self.critic or ("head" if self.is_adapter else "copy")

    @model_validator(mode="after")
    def _goes_together(self):
        if self.is_adapter and self.adaptation.bias != "none":
            raise ValueError(
                "adaptation.bias: expected none, since the base without its adapter is the reference, found "
                f"{self.adaptation.bias}"
            )
        if self.training.texts % self.answers:
            raise ValueError(f"answers: expected a divisor of training.texts, {self.training.texts}, found {self.answers}")
        if self.advantages == "leave_one_out" and self.answers < 2:
            raise ValueError(f"answers: expected at least 2, of which one can be left out, found {self.answers}")
        return self
