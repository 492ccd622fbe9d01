"""Models trained on documents, one a sequence: what each learnt, the texts on the way, how fast it was trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import models, tokenizers
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.rows.shared import trained
from relab.rows.shared.experiments import MODEL
from relab.settings import base
from relab.settings.references import TRAINED, Family


class Row(RowSettings):
    """A model trained on documents with several seeds: losses and how they came about, size, epochs, speed."""

    kind: Literal["document_models"]
    models: Family["models", TRAINED] = Field(description="The models: one declaration, whose seeds alone vary.")

    STEPS = (
        Step(
            "score", "Score how models learn from documents: losses, bits per byte, size, epochs.", "scores.score_models",
            scores=True,
        ),
        Step(
            "tabulate", "Write the tables of models of documents: each model, its curve, texts on the way, speed.",
            "tables.tabulate", tables=(MAIN, "progress", "speed", "curve"),
        ),
        Step("draw", "Draw their losses with the drops of the learning rate.", "figures.draw", figures=("loss",)),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curve": paths.table("curve")}
        names, first = list(trained.seeds(self.models, artefacts)), trained.first(self.models, artefacts)
        weights, histories = models.weights(artefacts, names), models.made(names, "history.csv")
        if step == "score":
            tokens = tokenizers.tokens(first.tokenizer, first.corpus)["train"]
            losses = models.made(names, "losses.parquet")
            return {"tokens": tokens, "histories": histories, "losses": losses, "weights": weights}
        return {
            "scores": paths.scores,
            "histories": histories,
            "speeds": models.made(names, "speed.csv"),
            "samples": models.made(names[:1], "samples.jsonl"),
            "records": [f"{path}.provenance.json" for path in weights],
        }

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"model": self.models}
        architecture = base.spec(trained.first(self.models, artefacts).architecture)
        seeds = [list(pair) for pair in trained.seeds(self.models, artefacts).items()]
        return {"experiment": f"{self.models}/{MODEL}", "models": seeds, "architecture": architecture}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        trained.check_seeds(self.models, paths, artefacts)
        training, key = trained.first(self.models, artefacts).training, f"models.{self.models}.training"
        if training.reading != "documents":
            raise UserError(f"{key}.reading: expected documents, since {paths.key} shows models of documents")
        if training.samples is None:
            raise UserError(f"{key}.samples: required, since {paths.key} shows the text sampled on the way")
