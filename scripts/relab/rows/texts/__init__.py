"""Texts of samplings, by method: what they repeat, how varied and how likely they are, and the texts themselves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import samplings
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.settings.references import Ref


class Row(RowSettings):
    """Sampled texts, a method a row: their measures with intervals over prompts, and every text."""

    kind: Literal["texts"]
    samplings: list[Ref["samplings"]] = Field(description="The samplings whose methods are shown, in order.", min_length=1)
    drawn: bool = Field(True, description="Draw the measures of its methods. Of a single method there is nothing to compare.")

    STEPS = (
        Step(
            "score",
            "Score sampled texts: repetition, diversity, how likely the model finds them, how methods differ.",
            "steps.score",
            scores=True,
            memory=2000,
            minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of sampled texts: a method a row with its measures, and every text.",
            "steps.tabulate",
            tables=(MAIN, "texts"),
        ),
        Step("draw", "Draw the measures of sampled texts by method.", "figures.draw", figures=("measures",)),
    )

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for step in self.STEPS if self.drawn or step.name != "draw")

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"methods": paths.table()}
        texts = {"samples": [samplings.file(sampling) for sampling in self.samplings]}
        return {**texts, **({"scores": paths.scores} if step == "tabulate" else {})}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        return {} if step == "draw" else {"samplings": self.samplings}
