"""Settings of samplings: what a model is to continue or to answer, and by which methods."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from relab.settings.asking import Asking
from relab.settings.base import Declaration, Float, Int, Settings, WeightPrecision
from relab.settings.references import GENERATIVE, WITH_PROMPTS, Ref


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
    min_new_tokens: Int = Field(0, description="A text ends after N tokens at the earliest; 0 lets it be empty.", ge=0)
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


class Method(Asking, Decoding):
    """How a model is asked for a text, and how the text's tokens are chosen."""

    @property
    def asking(self) -> Asking:
        """How the model is asked, whichever way tokens are chosen."""
        return Asking(**{name: getattr(self, name) for name in Asking.model_fields})

    @property
    def decoding(self) -> Decoding:
        """How tokens are chosen, whichever way the model is asked."""
        return Decoding(**{name: getattr(self, name) for name in Decoding.model_fields})


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


class DatasetPrompts(Settings):
    """Prompts from a split of a data set: the sources of pairs, or the prompts of preferences."""

    dataset: Ref["datasets", WITH_PROMPTS] = Field(description="The data set.")
    split: Literal["train", "validation", "test"] = Field("test", description="Its split.")
    number: Int | None = Field(None, description="Rows, evenly spread over the split; none: all of them.", ge=1)


class FilePrompts(Settings):
    """Prompts from files: each is one text, in UTF-8, without the line end at its end."""

    asset: Ref["assets"] = Field(description="The asset whose files they are.")


#: Where prompts are taken from, by the key that tells it.
ORIGINS = {"corpus": CorpusPrompts, "dataset": DatasetPrompts, "asset": FilePrompts}


def _origin(value: Any) -> Any:
    """The group of settings that a mapping is, by its keys: a union would report the errors of every group that it is not."""
    if isinstance(value, (list, Settings)):
        return value
    keys = value if isinstance(value, dict) else ()
    origins = [group for key, group in ORIGINS.items() if key in keys]
    if len(origins) != 1:
        found = ", ".join(keys) or repr(value)
        raise ValueError(f"expected a list of texts, or one of the keys {', '.join(ORIGINS)}, found {found}")
    return origins[0].model_validate(value)


class Sampling(Declaration):
    """Texts sampled from one model: every method continues every prompt, or answers it."""

    model: Ref["models", GENERATIVE] = Field(description="The model.")
    prompts: Annotated[list[str] | CorpusPrompts | DatasetPrompts | FilePrompts, BeforeValidator(_origin)] = Field(
        description="The texts to continue, or where they are taken from. An empty text is the start-of-text token alone; what "
        "tables show is the first."
    )
    methods: dict[str, Method] = Field(description="The methods by name.", min_length=1)
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
        elif getattr(self.prompts, "human", None) in self.methods:
            raise ValueError(f"prompts.human: {self.prompts.human!r} is the name of a method too")
        return self

    @model_validator(mode="after")
    def _texts_may_end(self):
        for name, method in self.methods.items():
            if method.min_new_tokens > self.length:
                raise ValueError(
                    f"methods.{name}.min_new_tokens: expected at most the length, {self.length} tokens, found "
                    f"{method.min_new_tokens}"
                )
        return self
