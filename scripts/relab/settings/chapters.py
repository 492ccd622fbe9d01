"""Settings of the report's chapters: which artefacts their rows show."""

from __future__ import annotations

import itertools
from typing import Literal

from pydantic import Field, model_validator

from relab.settings.base import Float, Int, Scalar, Settings
from relab.settings.models import LoraAdaptation, Schedule
from relab.settings.references import FINETUNED, LANGUAGE_MODEL, TRAINED, WITH_WEIGHTS, Family, Ref, of_kind
from relab.settings.samplings import Decoding

#: A probe that classifies.
CLASSIFIER = of_kind("a probe", "classifier")


class Progressions(Settings):
    """A2 and A3: the text that a model generates as its training goes on."""

    steps: list[Int] = Field(description="The steps that the tables show.", min_length=1)
    where: dict[str, list[Scalar]] = Field({}, description="Only models whose varied keys have one of these values.")


class Tokens(Settings):
    """A4: what a tokenizer makes of variants of a text."""

    tokenizer: Ref["tokenizers"] = Field(description="The tokenizer.")
    texts: list[str] = Field(description="The texts.", min_length=1)


class CharGpt(Settings):
    """A1 to A9: character-level GPTs on two corpora; first steps with a pretrained model; frozen features."""

    models: Family["models", TRAINED] = Field(description="The sweep of models that the chapter shows.")
    progression: Progressions = Field(description="The tables of generated text.")
    tokens: Tokens = Field(description="The table of token ids.")
    arguments: Ref["samplings"] = Field(description="The sampling whose methods are a grid of arguments of `generate()`.")
    classification: list[Ref["probes", CLASSIFIER]] = Field(description="A6: the classifiers, one a data set.", min_length=1)
    finetuned: list[Family["classifiers"]] = Field(
        description="A7: the declarations of fine-tuned classifiers that are shown beside those of A6.", min_length=1
    )
    choice: list[Ref["probes", of_kind("a probe", "ranker")]] = Field(
        description="A8: the rankers of choices, one a data set.", min_length=1
    )
    retrieval: list[Ref["probes", of_kind("a probe", "retriever")]] = Field(
        description="A9: the retrievers, one a data set.", min_length=1
    )


class Size(Settings):
    """A published architecture, whose parameters are counted without its weights."""

    name: str = Field(description="What the table calls it.")
    architecture: Literal["openai-gpt", "gpt2"] = Field("gpt2", description="Architecture as Transformers names it.")
    vocabulary: Int = Field(description="Tokens of the vocabulary.", ge=1)
    context: Int = Field(description="Tokens of context.", ge=1)
    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    layers: Int = Field(description="Number of Transformer blocks.", ge=1)
    heads: Int = Field(description="Number of attention heads.", ge=1)


class ReportedSize(Size):
    """A published architecture beside the figure that a write-up gives."""

    reported: Float | None = Field(None, description="Parameters in millions as the write-up gives them.", gt=0)


class ReportedMemory(Size):
    """A published architecture beside the memory that a write-up says its training needs."""

    reported: Float | None = Field(None, description="GB of GPU memory for training as the write-up gives them.", gt=0)


class Estimate(Settings):
    """C2: the memory that training takes, as it is computed."""

    sizes: list[ReportedMemory] = Field(description="The architectures whose memory is computed.", min_length=1)
    batch: Int = Field(description="Texts in a batch.", ge=1)
    tokens: Int = Field(description="Tokens of each text.", ge=2)


class Memory(Estimate):
    """C2: the memory that training takes, computed and measured."""

    measured_batch: Int = Field(description="Texts in a batch where the memory is measured: the machine must hold it.", ge=1)


class Passages(Settings):
    """Held-out text that models are measured on: one passage a document, evenly spread over their corpus's validation split."""

    number: Int = Field(description="Passages, each of another document: what intervals are over.", ge=1)
    characters: Int = Field(description="Characters of each at most.", ge=1)


class Finetuned(Settings):
    """Models that were trained on from one base on one corpus."""

    models: list[Family["models", FINETUNED]] = Field(
        description="The models, each a declaration whose members differ in their seed alone; all of one base and one corpus.",
        min_length=1,
    )


class Recital(Finetuned):
    """B1: a short text that is learnt by heart."""

    texts: Family["samplings"] = Field(description="The samplings, one of each of these models and one of their base.")
    opening: Int = Field(description="Words of each document that a model is given before it is asked for the rest.", ge=1)


class HeldOut(Finetuned):
    """Models that are measured on held-out passages beside their base."""

    passages: Passages = Field(description="The held-out passages.")


class AdapterSize(Settings):
    """A published architecture whose adapter is counted without its weights."""

    name: str = Field(description="What the table calls it.")
    vocabulary: Int = Field(description="Tokens of the vocabulary.", ge=1)
    context: Int = Field(description="Tokens of context.", ge=1)
    width: Int = Field(description="Embedding dimension (hidden size).", ge=1)
    feed_forward: Int = Field(description="Width between the two feed-forward layers.", ge=1)
    layers: Int = Field(description="Number of Transformer blocks.", ge=1)
    heads: Int = Field(description="Number of attention heads.", ge=1)
    adaptation: LoraAdaptation = Field(description="The adapter.")


class Adapters(HeldOut):
    """B5: adapters beside full fine-tuning."""

    sizes: list[AdapterSize] = Field([], description="Architectures (of OPT) whose adapters are counted beside them.")


class Code(HeldOut):
    """C3: Python source."""

    sheet: Schedule = Field(description="The sheet's schedule, whose learning rates stand beside those of the models.")


class Generative(Settings):
    """B: the notebook on generative modelling."""

    recital: Recital = Field(description="B1: the short text.")
    adapters: Adapters = Field(description="B5: adapters.")
    selection: list[Ref["samplings"]] = Field(
        description="B2: the samplings whose methods are ways of selecting tokens.", min_length=1
    )
    generations: list[ReportedSize] = Field(description="B7: the generations of GPT.", min_length=1)


class Gpt2Lab(Settings):
    """C: the lab sheet on GPT-2."""

    continuations: Ref["samplings"] = Field(description="C1: the sampling whose texts are shown.")
    model: Ref["models", WITH_WEIGHTS] = Field(
        description="C2: the model whose layers, configuration and training memory are shown."
    )
    memory: Memory = Field(description="C2: the memory that training takes.")
    code: Code = Field(description="C3: models of Python source.")
    books: HeldOut = Field(description="C4: models of a set of books or plays.")


class SamplerSetting(Settings):
    """A temperature with a number of tokens to draw among."""

    temperature: Float = Field(description="The write-up's temperature.", gt=0)
    top_k: Int = Field(description="Draw among the k most probable tokens only.", ge=1)

    @property
    def label(self) -> str:
        """What tables call it."""
        return f"T {self.temperature:g}, k {self.top_k}"

    def decoding(self, rule: str) -> Decoding:
        """The setting under an account of what the temperature does."""
        return Decoding(do_sample=True, temperature=self.temperature, temperature_rule=rule, top_k=self.top_k)


class ReportedSetting(SamplerSetting):
    """A setting of the sampler beside what the write-up found at it."""

    reported: Float = Field(description="The perplexity that the write-up reports.", gt=0)


class StoryJudge(Settings):
    """D4: the model that judges texts."""

    model: Ref["models", LANGUAGE_MODEL] = Field(description="The model that judges.")
    human: Int = Field(description="Held-out documents that are judged beside the texts, cut to their lengths.", ge=1)
    equal_tokens: Int = Field(description="Tokens of each text that perplexities at equal length are of.", ge=1)


class StoryTemperature(Settings):
    """D5: three accounts of what the write-up's temperature does."""

    samplings: list[Ref["samplings"]] = Field(
        description="The samplings among whose methods are the settings under each account.", min_length=1
    )
    settings: list[ReportedSetting] = Field(description="The settings.", min_length=2)
    documents: Int = Field(description="Held-out documents whose beginnings are the contexts of distributions.", ge=1)
    characters: Int = Field(description="Characters of each that are read at most.", ge=1)

    @model_validator(mode="after")
    def _comparable(self):
        check_settings(self.settings)
        return self


def contrasts(settings: list) -> list[tuple]:
    """The pairs of settings that differ in temperature alone, from the higher temperature to the lower one."""
    pairs = (sorted(pair, key=lambda one: -one.temperature) for pair in itertools.combinations(settings, 2))
    return [(high, low) for high, low in pairs if high.top_k == low.top_k]


def check_settings(settings: list) -> None:
    """Refuse settings among which the temperature cannot be compared.

    Raises:
        ValueError: as a validator of settings raises it.
    """
    labels = [one.label for one in settings]
    if len(set(labels)) < len(labels):
        raise ValueError(f"settings: expected each once, found {'; '.join(labels)}")
    if not contrasts(settings):
        raise ValueError(f"settings: expected two that differ in temperature alone, found {'; '.join(labels)}")


class Stories(Settings):
    """D: the story generator."""

    tokenizers: list[Ref["tokenizers", of_kind("a tokenizer", "sentencepiece")]] = Field(
        description="D1: the tokenizers, all of one corpus.", min_length=1
    )
    cut: Int = Field(description="D1: tokens of a document, marks included, beyond which it counts as cut.", ge=3)
    models: Family["models", TRAINED] = Field(description="D2: the models trained on documents of that corpus.")
    grid: list[Ref["samplings"]] = Field(
        description="D3, D4: the samplings whose methods are shown, judged and measured.", min_length=1
    )
    examples: list[Int] = Field(
        [0, 1], description="D3: numbers of the texts of each method that are shown, from 0.", min_length=1
    )
    judge: StoryJudge = Field(description="D4: the judge.")
    reported: dict[Ref["samplings"], dict[str, Float]] = Field(
        {}, description="D4: perplexities that the write-up reports, by sampling and method."
    )
    temperature: StoryTemperature = Field(description="D5: the accounts of the temperature.")
    command_line: Ref["samplings"] = Field(description="D6: the sampling that the command of the table makes, too.")


class Words(Settings):
    """E2: a prompt whose words are shown with their probabilities."""

    prompt: str = Field(description="The prompt.", min_length=1)
    temperature: Float = Field(description="Softmax temperature.", gt=0)


class Alternatives(Settings):
    """E3: the most probable tokens at every step."""

    prompts: list[str] = Field(description="The prompts.", min_length=1)
    number: Int = Field(6, description="Tokens shown at every step.", ge=1)


class Sentiment(Settings):
    """E5 and E6: language models turned into classifiers."""

    floors: Ref["probes", CLASSIFIER] = Field(
        description="The classifier on frozen features (or without any) whose systems stand beside them."
    )
    classifiers: list[Family["classifiers"]] = Field(
        description="The declarations of fine-tuned classifiers, all on the data set of that one; each is compared with those "
        "before it.",
        min_length=1,
    )


class MinGpt(Settings):
    """E: the assignment on minGPT."""

    models: Family["models", TRAINED] = Field(description="E1 to E3, E7: the models trained on the sentences of a grammar.")
    every: Int = Field(100, description="E1: iterations between two rows of the table of losses.", ge=1)
    words: list[Words] = Field(description="E2: the prompts.", min_length=1)
    alternatives: Alternatives = Field(description="E3: the tables of the most probable tokens.")
    length: Int = Field(10, description="E2 and E3: tokens generated.", ge=1)
    larger: Family["models", TRAINED] = Field(description="E4: the models trained on a larger corpus.")
    larger_texts: Ref["samplings"] = Field(description="E4: the sampling of their texts.")
    sentiment: Sentiment = Field(description="E5, E6: language models as classifiers.")


class Chapters(Settings):
    """The chapters of the report."""

    char_gpt: CharGpt = Field(description="A: the deep-learning lab on language models.")
    generative: Generative = Field(description="B: the notebook on generative modelling.")
    gpt2_lab: Gpt2Lab = Field(description="C: the lab sheet on GPT-2.")
    stories: Stories = Field(description="D: the story generator beside GPT2-XL.")
    mingpt: MinGpt = Field(description="E: the assignment on minGPT.")
