"""Answers chosen by ranking the choices of a question on frozen features, beside baselines."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import datasets, probes
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, Place, RowSettings, Step
from relab.rows.shared.probes import check_datasets, titles
from relab.settings import base
from relab.settings.references import Ref, of_kind


class Row(RowSettings):
    """Rankers of choices and their baselines, on one data set or several: accuracy, training by epoch, examples."""

    kind: Literal["choice"]
    probes: list[Ref["probes", of_kind("a probe", "ranker")]] = Field(
        description="The rankers of choices, one a data set.", min_length=1
    )

    STEPS = (
        Step(
            "score",
            "Score the rankers of choices on their test splits, beside chance, cosine and the longest choice.",
            "scores.score_choices",
            scores=True,
            memory=2000,
            minutes=60,
            seconds=5,
        ),
        Step(
            "tabulate",
            "Write the tables of choices: rankers and baselines, their training, questions answered rightly and wrongly.",
            "tables.tabulate",
            tables=(MAIN, "choice_curves", "choice_examples"),
        ),
        Step(
            "draw",
            "Draw accuracy of the rankers over the epochs of their training.",
            "figures.draw",
            figures=("choice",),
            seconds=4,
        ),
    )

    def inputs(self, step: str, place: Place, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curves": place.table("choice_curves")}
        predictions = {"predictions": [probes.file(probe, "predictions.parquet") for probe in self.probes]}
        if step == "score":
            return {**predictions, "chosen": [probes.file(probe, "chosen.csv") for probe in self.probes]}
        sets = [artefacts.probes[probe].settings.dataset for probe in self.probes]
        return {
            "scores": place.scores,
            **predictions,
            "history": [probes.file(probe, "history.csv") for probe in self.probes],
            "test": [datasets.file(dataset, "test") for dataset in sets],
        }

    def spec(self, step: str, place: Place, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        shown = {name: base.spec(artefacts.probes[name].settings) for name in self.probes}
        whole = {"probes": shown, "order": self.probes}
        return {**whole, "titles": titles(self.probes, artefacts)} if step == "tabulate" else whole

    def check(self, place: Place, artefacts: Artefacts) -> None:
        check_datasets(self.probes, place, artefacts)
