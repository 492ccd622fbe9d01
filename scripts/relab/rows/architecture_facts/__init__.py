"""Facts about a small GPT trained on sentences: statements about its data, code and weights, each checked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.shared import trained
from relab.settings.base import spec
from relab.settings.references import TRAINED, Family


class Row(RowSettings):
    """Statements about a model that was trained on documents, each checked on its data, its code and its weights."""

    kind: Literal["architecture_facts"]
    models: Family["models", TRAINED] = Field(description="The models, of which the first is checked.")

    STEPS = (
        Step(
            "check",
            "Check statements about a model on its data, its code and its weights.",
            "facts.check",
            scores=True,
            tables=(MAIN,),
            environment=TRAIN,
            memory=2000,
            minutes=60,
        ),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        model = next(iter(artefacts.family("models", self.models)))
        train = corpora.files(trained.first(self.models, artefacts).corpus)["train"]
        return {**models.files(artefacts, model), "train": train}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        model = trained.first(self.models, artefacts)
        return {"experiment": paths.name, "architecture": spec(model.architecture), "seed": model.seed}
