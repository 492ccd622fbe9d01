"""Answers chosen by ranking the choices of a question on frozen features, beside baselines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relab.artefacts import datasets
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, RowPaths, Step
from relab.rows.shared.probes import ProbesRow
from relab.settings.references import Ref, of_kind


class Row(ProbesRow):
    """Rankers of choices and their baselines, on one data set or several: accuracy, training by epoch, examples."""

    kind: Literal["choice"]
    probes: list[Ref["probes", of_kind("a probe", "ranker")]] = Field(
        description="The rankers of choices, one a data set.", min_length=1
    )

    STEPS = (
        Step(
            "score", "Score the rankers of choices on their test splits, beside chance, cosine and the longest choice.",
            "scores.score_choices", scores=True, memory=2000, minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of choices: rankers and baselines, their training, questions answered rightly and wrongly.",
            "tables.tabulate", tables=(MAIN, "choice_curves", "choice_examples"),
        ),
        Step(
            "draw", "Draw accuracy of the rankers over the epochs of their training, and on the test split.", "figures.draw",
            figures=("choice", "choice_accuracies"),
        ),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curves": paths.table("choice_curves"), "systems": paths.table()}
        predictions = {"predictions": self.probe_files("predictions.parquet")}
        if step == "score":
            return {**predictions, "chosen": self.probe_files("chosen.csv")}
        tests = [datasets.file(dataset, "test") for dataset in self.datasets(artefacts)]
        return {"scores": paths.scores, **predictions, "history": self.probe_files("history.csv"), "test": tests}
