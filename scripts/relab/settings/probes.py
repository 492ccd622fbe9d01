"""Settings of probes: what is fitted on frozen features, and the baselines that stand beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from relab.settings.base import Declaration, Float, Int, Name, Settings
from relab.settings.references import Ref, of_kind

#: Languages of Snowball's stemmers; asking the library would load it at every start.
STEMMERS = (
    *("arabic", "armenian", "basque", "catalan", "czech", "danish", "dutch", "dutch_porter", "english", "esperanto"),
    *("estonian", "finnish", "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian"),
    *("lithuanian", "nepali", "norwegian", "persian", "polish", "porter", "portuguese", "romanian", "russian"),
    *("serbian", "sesotho", "spanish", "swedish", "tamil", "turkish", "yiddish", "none"),
)


def _known_stemmer(name: str) -> str:
    if name not in STEMMERS:
        raise ValueError(f"expected one of {', '.join(STEMMERS)}, found {name!r}")
    return name


Pooling = Literal["cls", "mean", "last"]


class Probe(Declaration):
    """What all probes have."""

    dataset: Ref["datasets"] = Field(description="The data set.")
    encoders: list[Ref["encoders"]] = Field(description="The encoders whose features are used.", min_length=1)
    pooling: list[Pooling] = Field(
        ["cls", "mean"],
        description="How the last layer becomes one vector: its first position ([CLS]), the mean of all, or the last position.",
        min_length=1,
    )

    @property
    def features(self) -> list[str]:
        """The names of its features: encoder and pooling."""
        return [f"{encoder} {pooling}" for encoder in self.encoders for pooling in self.pooling]


class Perceptron(Settings):
    """A shallow multi-layer perceptron."""

    hidden: Int = Field(128, description="Units of its hidden layer.", ge=1)
    penalties: list[Float] = Field(
        [0.01, 1, 10], description="Strengths of its L2 penalty that are tried; validation decides.", min_length=1
    )
    batch: Int = Field(32, description="Rows of a batch (Adam).", ge=1)
    epochs: Int = Field(
        200, description="Epochs at most; it stops ten epochs after the best one on a tenth of the training rows.", ge=1
    )
    seeds: list[Int] = Field([0, 1, 2], description="Seeds of its weights and of the order of rows.", min_length=1)


class LearningCurve(Settings):
    """Accuracy over the number of training rows."""

    sizes: list[Int] = Field(description="Numbers of training rows; those beyond what there is are left out.", min_length=1)
    draws: Int = Field(3, description="Samples drawn at each size.", ge=1)


class Classifier(Probe):
    """Classifiers on frozen features: logistic regression and a shallow perceptron, class weights or none, beside baselines."""

    kind: Literal["classifier"]
    dataset: Ref["datasets", of_kind("a data set", "classification")] = Field(description="The data set.")
    encoders: list[Ref["encoders"]] = Field([], description="The encoders whose features are used; none: the baselines alone.")
    regularisation: list[Float] = Field(
        [0.001, 0.01, 0.1, 1, 10],
        description="Inverse strengths of logistic regression's L2 penalty (C) that are tried; validation decides.",
        min_length=1,
    )
    perceptron: Perceptron = Field(Perceptron(), description="The perceptron.")
    curve: LearningCurve = Field(LearningCurve(sizes=[50, 100, 200, 400, 800, 1600]), description="The learning curve.")


class Scorer(Settings):
    """A network that scores a choice beside its question: linear, or with a hidden layer."""

    hidden: Int = Field(0, description="Units of a hidden layer; 0 is none: a linear scorer.", ge=0)
    dropout: Float = Field(0.0, description="Dropout rate before the output.", ge=0, lt=1)


class Ranker(Probe):
    """Scorers of question and choice, trained so that the right choice lies above each wrong one by a margin."""

    kind: Literal["ranker"]
    dataset: Ref["datasets", of_kind("a data set", "choice", "next_speech")] = Field(description="The data set.")
    pooling: list[Pooling] = Field(["mean"], description="As for a classifier.", min_length=1)
    scorers: dict[Name, Scorer] = Field(description="The scorers by name.", min_length=1)
    margin: Float = Field(
        0.5,
        description="How far the right choice must lie above a wrong one (`MarginRankingLoss`), in standard deviations of the "
        "cosine over the training choices.",
        gt=0,
    )
    learning_rate: Float = Field(0.0001, description="Learning rate (AdamW).", gt=0)
    weight_decay: Float = Field(3, description="Weight decay of what a scorer adds to the cosine that it starts as.", ge=0)
    batch: Int = Field(32, description="Questions in a batch.", ge=1)
    epochs: Int = Field(60, description="Epochs at most.", ge=1)
    patience: Int = Field(10, description="Epochs without a better validation accuracy after which training stops.", ge=1)
    seeds: list[Int] = Field([0, 1, 2], description="Seeds of weights and order.", min_length=1)


class Bm25(Settings):
    """BM25 over words (Robertson & Zaragoza 2009), in the variant of Lucene."""

    k1: Float = Field(1.2, description="How fast a repeated word stops counting.", ge=0)
    b: Float = Field(0.75, description="How much a document's length counts.", ge=0, le=1)
    stemmer: Annotated[str, AfterValidator(_known_stemmer)] = Field(
        "english", description="Snowball's stemmer of the words by its name, or none: words as they are."
    )
    stopwords: Literal["en", "none"] = Field("en", description="Words left out: bm25s's English list, or none.")


class Retriever(Probe):
    """Rankings of documents: cosine of frozen features, BM25, and both by reciprocal-rank fusion. Nothing is trained."""

    kind: Literal["retriever"]
    dataset: Ref["datasets", of_kind("a data set", "retrieval")] = Field(description="The data set.")
    bm25: Bm25 = Field(Bm25(), description="The lexical ranking.")
    fusion: Int = Field(60, description="The constant k of reciprocal-rank fusion, 1 / (k + rank) (Cormack et al. 2009).", ge=1)
    depth: Int = Field(100, description="Documents of each ranking.", ge=1)
    block: Int = Field(8192, description="Documents whose similarities are in memory at once; changes no result.", ge=1)

    @model_validator(mode="after")
    def _deep_enough(self):
        if self.depth < 100:
            raise ValueError(f"depth: expected at least 100, since recall@100 is shown, found {self.depth}")
        return self


AnyProbe = Annotated[Classifier | Ranker | Retriever, Field(discriminator="kind")]
