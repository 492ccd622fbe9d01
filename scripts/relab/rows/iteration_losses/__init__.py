"""Losses of a model by iteration; where its text is drawn from a grammar, beside the loss of the grammar itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.shared import trained
from relab.settings.base import Int, Name
from relab.settings.references import TRAINED, Family


class Row(RowSettings):
    """Training and validation loss by iteration, over seeds; for sentences of a grammar, what a model could reach on them."""

    kind: Literal["iteration_losses"]
    models: Family["models", TRAINED] = Field(description="The models, which differ in their seed alone.")
    every: Int = Field(100, description="Iterations between two rows of the table of losses.", ge=1)
    experiment: Name | None = Field(None, description="What its scores call the models; by default its name.")

    STEPS = (
        Step(
            "score",
            "Score the losses of models; for sentences of a grammar, beside those of the grammar and of a uniform guess.",
            "scores.score_losses", scores=True, environment=TRAIN, memory=2000, minutes=60,
        ),
        Step("tabulate", "Write the tables of losses by iteration.", "tables.tabulate", tables=(MAIN, "curve")),
        Step("draw", "Draw losses against the iteration.", "figures.draw", figures=("loss",)),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curve": paths.table("curve")}
        members = list(artefacts.family("models", self.models))
        histories = {"histories": models.made(members, "history.csv")}
        if step == "tabulate":
            return {"scores": paths.scores, **histories}
        text = corpora.files(trained.first(self.models, artefacts).corpus)
        files = {**histories, "losses": models.made(members, "losses.parquet"), "train": text["train"]}
        if trained.grammar(self.models, artefacts):
            opened = models.files(artefacts, members[0])
            files |= {"validation": text["validation"], **{key: opened[key] for key in ("tokenizer", "tokenizer_config")}}
        return files

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"model": self.models}
        shown = {"experiment": self.experiment or paths.name, "models": trained.seeds(self.models, artefacts)}
        reader = trained.grammar(self.models, artefacts)
        if step == "tabulate":
            return {**shown, "every": self.every, "grammar": reader is not None}
        model = trained.first(self.models, artefacts)
        held_out = {"sentences": model.training.evaluation.blocks, "block": model.architecture.block}
        return {**shown, **({"grammar": {"reader": reader, **held_out}} if reader else {})}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        trained.check_seeds(self.models, paths, artefacts)
        if trained.grammar(self.models, artefacts):
            trained.check_sentences(self.models, paths, artefacts)
        for name, member in artefacts.family("models", self.models).items():
            steps = member.settings.training.evaluation.every
            if self.every % steps:
                raise UserError(
                    f"{paths.key}.every: {self.every} is no multiple of the {steps} steps between two evaluations of "
                    f"models.{name}"
                )
