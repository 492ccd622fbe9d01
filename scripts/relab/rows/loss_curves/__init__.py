"""Losses of trained models against the step, a panel a corpus, a line for each group of models that differ in the seed only."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files, Member
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.rows.shared.sweeps import sweep, titles
from relab.settings.references import TRAINED, Family


class Row(RowSettings):
    """The models of a sweep as they learn: losses at every evaluation, where they are lowest, where they end."""

    kind: Literal["loss_curves"]
    models: Family["models", TRAINED] = Field(description="The sweep of models.")

    STEPS = (
        Step(
            "score", "Score the losses of trained models: at the start, at the best step, at the end, per byte of text.",
            "scores.score_losses", scores=True, memory=2000, minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of losses: every evaluation of every model; the end and the best step of each group.",
            "tables.tabulate", tables=(MAIN, "final_losses"),
        ),
        Step("draw", "Draw the losses of trained models against the step.", "figures.draw", figures=("loss",)),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curves": paths.table()}
        members = self._members(artefacts)
        histories = {"histories": models.made(members, "history.csv")}
        if step == "tabulate":
            return {"scores": paths.scores, **histories, "weights": models.weights(artefacts, members)}
        texts = [corpora.files(corpus) for corpus in self._corpora(artefacts)]
        splits = {split: [files[split] for files in texts] for split in ("train", "validation")}
        return {**histories, "losses": models.made(members, "losses.parquet"), **splits}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        members = self._members(artefacts)
        if step == "draw":
            kinds = {artefacts.tokenizers[member.settings.tokenizer].settings.kind for member in members.values()}
            return {"token": "character" if kinds == {"character"} else "token"}
        if step == "score":
            return sweep(members)
        of_corpora = [[corpus, artefacts.corpora[corpus].settings.title] for corpus in self._corpora(artefacts)]
        return {**sweep(members), "corpora": of_corpora}

    def titles(self, artefacts: Artefacts) -> dict[str, str]:
        return titles(self._members(artefacts))

    def _members(self, artefacts: Artefacts) -> dict[str, Member]:
        return artefacts.family("models", self.models)

    def _corpora(self, artefacts: Artefacts) -> list[str]:
        """The corpora of the models, in declared order."""
        read = {member.settings.corpus for member in self._members(artefacts).values()}
        return [corpus for corpus in artefacts.corpora if corpus in read]
