"""Texts that models generate as their training goes on, and how much of them stands in the corpus that they learn from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.rows.shared.sweeps import APART, sweep, titles
from relab.settings.base import Int, Scalar
from relab.settings.references import TRAINED, Family, Ref, unknown


class Row(RowSettings):
    """Text sampled at some steps of a training, a model a column: its loss, shares of its lines and words in the corpus."""

    kind: Literal["progression"]
    models: Family["models", TRAINED] = Field(description="The sweep of models.")
    corpus: Ref["corpora"] = Field(description="The corpus: models of the sweep that are trained on others are left out.")
    shown_steps: list[Int] = Field(description="The steps that the tables show.", min_length=1)
    where: dict[str, list[Scalar]] = Field(
        {}, description="Tables show only models whose varied keys have one of these values; all are scored."
    )
    reported: bool = Field(
        False, description="A table of the losses that the write-up reports for it, `losses` among its `reported_figures`."
    )

    @property
    def steps(self) -> tuple[Step, ...]:
        return (
            Step(
                "score",
                "Score text as training goes on: losses, and how much of it stands in the corpus.",
                "scores.score_texts",
                scores=True,
                memory=2000,
                minutes=60,
            ),
            Step(
                "tabulate",
                "Write the tables of text as training goes on: by step and model, and how much of it is in the corpus.",
                "tables.tabulate",
                tables=(MAIN, "overlap", *(["reported"] if self.reported else [])),
            ),
            Step(
                "draw",
                "Draw how many words of generated text stand in the corpus as training goes on.",
                "figures.draw",
                figures=("words_in_corpus",),
            ),
        )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"progression": paths.table(), "overlap": paths.table("overlap")}
        if step == "tabulate":
            return {"scores": paths.scores, "samples": models.made(self._shown(artefacts), "samples.jsonl")}
        members = self._members(artefacts)
        files = {"histories": "history.csv", "losses": "losses.parquet", "samples": "samples.jsonl"}
        return {**{name: models.made(members, file) for name, file in files.items()}, **corpora.files(self.corpus)}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        steps = sorted(set(self.shown_steps))
        if step == "score":
            return {**sweep(self._members(artefacts)), "steps": steps}
        # the canonical form sorts keys: the reported losses stand in the order of the write-up
        reported = {"reported": list(paths.reported.get("losses", {}).values())} if self.reported else {}
        return {**sweep(self._shown(artefacts)), "steps": steps, **reported}

    def titles(self, artefacts: Artefacts) -> dict[str, str]:
        return titles(artefacts.family("models", self.models))

    def _members(self, artefacts: Artefacts) -> dict[str, Member]:
        """The models of the sweep on the corpus."""
        family = artefacts.family("models", self.models)
        return {name: member for name, member in family.items() if member.settings.corpus == self.corpus}

    def _shown(self, artefacts: Artefacts) -> dict[str, Member]:
        return {
            name: member
            for name, member in self._members(artefacts).items()
            if all(member.varied.get(key) in values for key, values in self.where.items())
        }

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        members = self._members(artefacts)
        if not members:
            read = {member.settings.corpus for member in artefacts.family("models", self.models).values()}
            raise unknown(self.corpus, sorted(read), f"corpora of models.{self.models}", f"{paths.key}.corpus")
        self._check_where(paths, members, self._shown(artefacts))
        for name, member in members.items():
            training = member.settings.training
            if training.samples is None:
                raise UserError(
                    f"models.{name}.training.samples: required, since {paths.key} shows the text sampled on the way"
                )
            for doing, every in (("sampled", training.samples.every), ("evaluated", training.evaluation.every)):
                for step in self.shown_steps:
                    if not 0 <= step <= training.steps or (step % every and step != training.steps):
                        raise UserError(
                            f"{paths.key}.shown_steps: {step} is not a step at which models.{name} is {doing} (every {every} "
                            f"steps from 0, and at {training.steps})"
                        )

    def _check_where(self, paths: RowPaths, members: dict[str, Member], shown: dict[str, Member]) -> None:
        keys = sorted(set().union(*(member.varied for member in members.values())) - set(APART))
        for key, values in self.where.items():
            if key not in keys:
                raise unknown(key, keys, "varied keys of that sweep (the seeds are always all shown)", f"{paths.key}.where")
            varied = {member.varied[key] for member in members.values()}
            if not varied & set(values):
                raise UserError(f"{paths.key}.where.{key}: none of {values} is among its values {sorted(varied)}")
        if not shown:
            raise UserError(f"{paths.key}.where: none of the models of the corpus {self.corpus} fits")
