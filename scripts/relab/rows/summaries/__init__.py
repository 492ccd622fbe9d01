"""Summaries of articles by a model that is asked in several ways: how much of each is copied, beside two baselines."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import models, samplings
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.settings.base import Int
from relab.settings.references import Ref
from relab.settings.samplings import CorpusPrompts, Sampling


class Row(RowSettings):
    """Summaries of the same articles, a way of asking a row, with the first sentences and the article itself as baselines."""

    kind: Literal["summaries"]
    samplings: list[Ref["samplings"]] = Field(
        description="The samplings in order: their prompts are the articles, the same for all; their methods are the ways of "
        "asking.",
        min_length=1,
    )
    lead: Int = Field(3, description="Sentences of the baseline, the beginning of each article.", ge=1)

    STEPS = (
        Step(
            "score",
            "Score summaries and baselines: what they copy from their article, what they repeat, how long they are.",
            "scores.score_summaries",
            scores=True,
        ),
        Step(
            "tabulate",
            "Write the tables of summaries: a way of asking a row, every summary, and how each was generated.",
            "tables.tabulate",
            tables=(MAIN, "texts", "generation"),
        ),
        Step(
            "draw",
            "Draw how much of the summaries is new, what they repeat, how long they are.",
            "figures.draw",
            figures=("measures",),
        ),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"systems": paths.table()}
        files: Files = {"samples": [samplings.file(sampling) for sampling in self.samplings]}
        if step == "score":
            return files
        whole = dict.fromkeys(_without_adapters(artefacts, self._sampling(artefacts, name).model) for name in self.samplings)
        of_models = [models.files(artefacts, model) for model in whole]
        settings = {key: [of_model[key] for of_model in of_models] for key in ("generation", "config")}
        return {**files, "scores": paths.scores, **settings}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        spec = {"name": paths.name, "samplings": self.samplings, "lead": self.lead}
        if step == "score":
            return spec
        sampled = {name: self._sampling(artefacts, name) for name in self.samplings}
        return spec | {
            "sampled": {
                name: {
                    "model": settings.model,
                    "settings_of": _without_adapters(artefacts, settings.model),
                    "length": settings.length,
                }
                for name, settings in sampled.items()
            }
        }

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse samplings of other articles than those of the first, and beginnings of texts, which are no articles."""
        first = self._sampling(artefacts, self.samplings[0]).prompts
        for name in self.samplings:
            prompts = self._sampling(artefacts, name).prompts
            if isinstance(prompts, CorpusPrompts):
                raise UserError(
                    f"{paths.key}.samplings: expected whole articles as prompts (texts, files or a data set), but those of "
                    f"{name} are the first tokens of a corpus's documents"
                )
            if prompts != first:
                raise UserError(f"{paths.key}.samplings: expected the same prompts as those of {self.samplings[0]} for {name}")

    def _sampling(self, artefacts: Artefacts, name: str) -> Sampling:
        return artefacts.samplings[name].settings


def _without_adapters(artefacts: Artefacts, model: str) -> str:
    """The model itself, or the one that an adapter stands beside: its directory has the settings of generation."""
    candidates = (model, *models.bases(artefacts, model))
    return next(name for name in candidates if not models.is_adapter(artefacts.models[name].settings))
