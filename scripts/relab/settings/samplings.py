"""Settings of samplings: which texts a language model is to continue, and by which methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from relab.settings.base import Declaration, Float, Int, Settings, WeightPrecision
from relab.settings.references import LANGUAGE_MODEL, Ref


class Decoding(Settings):
    """How the next token is chosen; the names are those of the arguments of Transformers' `generate()`.

    Greedy as it stands: the most probable token. With `do_sample` tokens are drawn; with `num_beams` above 1 they are searched.
    N and X stand for the value of a setting. Each is an option of `relab generate`, with the first sentence as its help.
    """

    do_sample: bool = Field(False, description="Draw each token by its probability instead of taking the most probable one.")
    temperature: Float = Field(1.0, description="Softmax temperature above 0: below 1 sharper, above 1 flatter.", gt=0)
    temperature_rule: Literal["divide", "multiply", "ignore"] = Field(
        "divide",
        description="What the temperature does to the logits: it divides them (as in `generate()`), it multiplies them, or "
        "nothing (tokens are drawn in proportion to their probabilities).",
    )
    top_k: Int | None = Field(None, description="Draw among the N most probable tokens only.", ge=1)
    top_p: Float | None = Field(
        None, description="Draw among the fewest tokens whose probabilities sum to X (nucleus sampling).", gt=0, le=1
    )
    min_p: Float | None = Field(
        None, description="Draw among tokens at least X times as probable as the most probable one.", gt=0, le=1
    )
    no_repeat_ngram_size: Int = Field(0, description="No N tokens in a row occur twice; 0 allows it.", ge=0)
    num_beams: Int = Field(1, description="Search with N beams for a probable text; 1 is no search.", ge=1)
    early_stopping: bool = Field(
        False,
        description="End the search once as many texts have ended as there are beams. Another might still have won.",
    )
    length_penalty: Float = Field(
        1.0, description="Rank beams by log-probability divided by length to the power X. Above 0 favours long texts."
    )

    @model_validator(mode="after")
    def _search_or_draw(self):
        if self.do_sample and self.num_beams > 1:
            raise ValueError("expected do_sample or num_beams above 1, found both: a text is drawn or searched")
        return self


class CorpusPrompts(Settings):
    """Prompts from a corpus: the first tokens of documents, evenly spread over those that are long enough."""

    corpus: Ref["corpora"] = Field(description="The corpus.")
    split: Literal["train", "validation"] = Field("validation", description="Its split.")
    number: Int = Field(description="Prompts.", ge=1)
    tokens: Int = Field(description="Tokens of each prompt.", ge=1)
    human: str | None = Field(
        None,
        description="Name of one more method: the document's own next tokens, scored like the others. Left out: none.",
        min_length=1,
    )


class Sampling(Declaration):
    """Texts sampled from one model: every method continues every prompt."""

    model: Ref["models", LANGUAGE_MODEL] = Field(description="The model.")
    prompts: list[str] | CorpusPrompts = Field(
        description="The texts to continue, or where they are taken from. An empty text is the start-of-text token alone; what "
        "tables show is the first."
    )
    methods: dict[str, Decoding] = Field(description="The methods by name.", min_length=1)
    length: Int = Field(description="Tokens of each text at most.", ge=1)
    number: Int = Field(1, description="Texts for each prompt by a method that draws; other methods give one.", ge=1)
    stop: bool = Field(True, description="A text may end by itself; otherwise the end-of-text token is never chosen.")
    seed: Int = Field(0, description="Seed of the draws.", ge=0, lt=2**63)
    precision: WeightPrecision = "auto"

    @model_validator(mode="after")
    def _prompts_differ(self):
        if isinstance(self.prompts, list):
            if not self.prompts:
                raise ValueError("prompts: expected at least one text")
            twice = {prompt for prompt in self.prompts if self.prompts.count(prompt) > 1}
            if twice:
                raise ValueError(f"prompts: {sorted(twice)[0]!r} stands twice")
        elif self.prompts.human in self.methods:
            raise ValueError(f"prompts.human: {self.prompts.human!r} is the name of a method too")
        return self
