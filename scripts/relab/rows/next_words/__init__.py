"""The next word: models of sentences followed word by word, their probabilities beside those of the grammar."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.next_words.names import Alternatives, Words
from relab.rows.shared import trained
from relab.settings.base import Int, Name, WeightPrecision, spec
from relab.settings.references import TRAINED, Family

#: The file of the texts that the models generated.
TRACES = "results/traces/{chapter}/{name}.jsonl"


class Row(RowSettings):
    """Words that models of a grammar's sentences generate with their probabilities, and the most probable ones at each step."""

    kind: Literal["next_words"]
    models: Family["models", TRAINED] = Field(description="The models, which differ in their seed alone.")
    words: list[Words] = Field(description="The prompts whose words are shown, greedy and drawn.", min_length=1)
    alternatives: Alternatives = Field(description="The prompts whose most probable tokens are shown at each step.")
    length: Int = Field(10, description="Tokens generated.", ge=1)
    experiment: Name | None = Field(None, description="What its scores call the models; by default its name.")
    precision: WeightPrecision = "auto"

    STEPS = (
        Step(
            "measure",
            "Follow models of sentences word by word: probabilities beside those of the training text and of the grammar.",
            "measure.measure",
            files={"traces": TRACES},
            environment=TRAIN,
            network=True,
            memory=2000,
            memory_with_card=6000,
            minutes=60,
        ),
        Step(
            "score",
            "Score the words of models of sentences: their distance from the grammar, what the temperature changes.",
            "scores.score_words",
            scores=True,
            memory=2000,
            minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of words: each with its probability, the most probable ones, distances from the grammar.",
            "tables.tabulate",
            tables=(MAIN, "alternatives", "total_variation"),
        ),
        Step(
            "draw",
            "Draw each greedy word's probability to a model and to the grammar.",
            "figures.draw",
            figures=("probabilities",),
        ),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"words": paths.table()}
        traces = {"traces": TRACES.format(chapter=paths.chapter, name=paths.name)}
        train = {"train": corpora.files(trained.first(self.models, artefacts).corpus)["train"]}
        if step == "tabulate":
            return traces
        if step == "score":
            return {**traces, **train}
        opened = [models.files(artefacts, model) for model in artefacts.family("models", self.models)]
        return {**{key: [files[key] for files in opened] for key in opened[0]}, **train}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"model": self.models}
        shown = {"models": trained.seeds(self.models, artefacts)}
        if step == "score":
            return {**shown, "experiment": self.experiment or paths.name}
        if step == "tabulate":
            return shown
        return {
            **shown,
            "words": [spec(words) for words in self.words],
            "alternatives": spec(self.alternatives),
            "length": self.length,
            "reader": trained.grammar(self.models, artefacts),
            "precision": self.precision,
            "threads": artefacts.threads,
        }

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        trained.check_seeds(self.models, paths, artefacts)
        if trained.grammar(self.models, artefacts) is None:
            model = next(iter(artefacts.family("models", self.models)))
            raise UserError(
                f"models.{model}.corpus: expected one drawn from a grammar, since {paths.key}.models shows its probabilities"
            )
        trained.check_sentences(self.models, paths, artefacts)
