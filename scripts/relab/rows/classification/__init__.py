"""Classifiers on frozen features beside baselines: on the same test rows, in pairs, by class, by number of training rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, RowPaths, Step
from relab.rows.shared.probes import ClassifiersRow
from relab.settings.references import Ref, of_kind


class Row(ClassifiersRow):
    """Classifiers on frozen features and their baselines, on one data set or several."""

    kind: Literal["classification"]
    probes: list[Ref["probes", of_kind("a probe", "classifier")]] = Field(
        description="The classifiers, one a data set.", min_length=1
    )

    STEPS = (
        Step(
            "score", "Score the classifiers on their test splits: accuracy, F1, and pairs of them on the same rows.",
            "scores.score_classifiers", scores=True, memory=2000, minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of classifiers: systems and baselines, pairs, classes, confusions, learning curves.",
            "tables.tabulate", tables=(MAIN, "classification_pairs", "class_f1", "confusion", "learning_curve"),
        ),
        Step(
            "draw", "Draw classifiers: the data sets side by side, confusions, learning curves.", "figures.draw",
            figures=("classification", "classification_differences", "confusion", "learning_curve"),
        ),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            tables = {"systems": "", "pairs": "classification_pairs", "confusion": "confusion", "curves": "learning_curve"}
            return {name: paths.table(table) for name, table in tables.items()}
        files = {"predictions": self.probe_files("predictions.parquet"), "chosen": self.probe_files("chosen.csv")}
        if step == "score":
            return files
        return {**files, "curves": self.probe_files("learning_curve.csv"), "scores": paths.scores}
