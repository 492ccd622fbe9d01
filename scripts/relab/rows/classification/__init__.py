"""Classifiers on frozen features beside baselines: on the same test rows, in pairs, by class, by number of training rows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import probes
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, Place, RowSettings, Step
from relab.rows.shared.probes import check_datasets, shown_classifiers, titles
from relab.settings.references import Ref, of_kind


class Row(RowSettings):
    """Classifiers on frozen features and their baselines, on one data set or several."""

    kind: Literal["classification"]
    probes: list[Ref["probes", of_kind("a probe", "classifier")]] = Field(
        description="The classifiers, one a data set.", min_length=1
    )

    STEPS = (
        Step(
            "score",
            "Score the classifiers on their test splits: accuracy, F1, and pairs of them on the same rows.",
            "scores.score_classifiers",
            scores=True,
            memory=2000,
            minutes=60,
            seconds=8,
        ),
        Step(
            "tabulate",
            "Write the tables of classifiers: systems and baselines, pairs, classes, confusions, learning curves.",
            "tables.tabulate",
            tables=(MAIN, "classification_pairs", "class_f1", "confusion", "learning_curve"),
        ),
        Step(
            "draw",
            "Draw classifiers: the data sets side by side, confusions, learning curves.",
            "figures.draw",
            figures=("classification", "confusion", "learning_curve"),
            seconds=5,
        ),
    )

    def inputs(self, step: str, place: Place, artefacts: Artefacts) -> Files:
        if step == "draw":
            tables = {"systems": "", "confusion": "confusion", "curves": "learning_curve"}
            return {name: place.table(table) for name, table in tables.items()}
        files = {"predictions": "predictions.parquet", "chosen": "chosen.csv"}
        if step == "tabulate":
            files["curves"] = "learning_curve.csv"
        made = {name: [probes.file(probe, file) for probe in self.probes] for name, file in files.items()}
        return {**made, **({"scores": place.scores} if step == "tabulate" else {})}

    def spec(self, step: str, place: Place, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        shown = shown_classifiers(self.probes, artefacts)
        return {**shown, "titles": titles(self.probes, artefacts)} if step == "tabulate" else shown

    def check(self, place: Place, artefacts: Artefacts) -> None:
        check_datasets(self.probes, place, artefacts)
