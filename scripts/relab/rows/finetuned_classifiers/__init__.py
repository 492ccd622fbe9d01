"""Networks fine-tuned as classifiers, beside the baselines and the frozen features of probes on the same data sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from relab.artefacts import classifiers
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import RowPaths, Step
from relab.rows.shared.probes import ClassifiersRow
from relab.settings import base
from relab.settings.references import Family, Named, Ref, Reference, of_kind


class Row(ClassifiersRow):
    """Fine-tuned classifiers beside baselines: on the same rows, in pairs, over the epochs; the words that tokenizers split."""

    kind: Literal["finetuned_classifiers"]
    probes: list[Ref["probes", of_kind("a probe", "classifier")]] = Field(
        description="The baselines: classifiers on frozen features (or without any) that stand beside them, one a data set.",
        min_length=1,
    )
    classifiers: list[Family["classifiers"]] = Field(
        description="The declarations of fine-tuned classifiers; of their sweeps, those on the data sets of the probes are "
        "shown. Each is compared with those before it.",
        min_length=1,
    )

    STEPS = (
        Step(
            "score", "Score fine-tuned classifiers beside baselines and frozen features on the same rows, and pairs of them.",
            "scores.score_classifiers", scores=True, memory=2000, minutes=60,
        ),
        Step(
            "tabulate",
            "Write the tables of fine-tuned classifiers: beside baselines and frozen features, pairs, curves, words split.",
            "tables.tabulate", tables=("classifiers", "classifier_pairs", "classifier_curves", "split_words"),
        ),
        Step(
            "draw", "Draw fine-tuned classifiers: over the epochs, on the test split, and in pairs.", "figures.draw",
            figures=("classifiers", "classifier_accuracies", "classifier_differences"),
        ),
    )  # fmt: skip

    def members(self, artefacts: Artefacts) -> dict[str, Member]:
        """The fine-tuned classifiers on the data sets of the probes, in order."""
        datasets = self.datasets(artefacts)
        families = [artefacts.family("classifiers", declaration) for declaration in self.classifiers]
        members = {name: member for family in families for name, member in family.items()}
        return {name: member for name, member in members.items() if member.settings.dataset in datasets}

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            tables = {"curves": "classifier_curves", "systems": "classifiers", "pairs": "classifier_pairs"}
            return {name: paths.table(table) for name, table in tables.items()}
        texts, histories, finetuned = (
            [classifiers.file(name, file) for name in self.members(artefacts)]
            for file in ("texts.csv", "history.csv", "predictions.parquet")
        )
        if step == "score":
            return {"predictions": self.probe_files("predictions.parquet"), "finetuned": finetuned, "texts": texts}
        return {"scores": paths.scores, "chosen": self.probe_files("chosen.csv"), "histories": histories, "texts": texts}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        settings_of = {}
        for name, member in self.members(artefacts).items():
            settings = member.settings
            settings_of[name] = {
                "declaration": member.declaration,
                "dataset": settings.dataset,
                "seed": settings.seed,
                "model": artefacts.models[settings.model].declaration,
                "pretrained": settings.pretrained,
                "adaptation": base.spec(settings.adaptation),
            }
        shown = super().spec(step, paths, artefacts)
        return {**shown, "classifiers": settings_of, "classifier_order": list(settings_of)}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        super().check(paths, artefacts)
        datasets, key = self.datasets(artefacts), f"{paths.key}.classifiers"
        for declaration in self.classifiers:
            members = artefacts.family("classifiers", declaration)
            if any(set(member.varied) - {"dataset", "seed"} for member in members.values()):
                raise UserError(f"{key}: expected classifiers that differ in data set and seed, found {', '.join(members)}")
            trained_on = sorted({member.settings.dataset for member in members.values()})
            if not set(trained_on) & set(datasets):
                raise UserError(
                    f"{key}: {declaration} is on {' and '.join(trained_on)}, of which no baselines stand in that row; expected "
                    f"a classifier on {' or '.join(datasets)} (name its data sets in the classifier's sweep)"
                )

    def references(self, paths: RowPaths, artefacts: Artefacts) -> Iterator[Named]:
        for named in super().references(paths, artefacts):
            if named.reference.kind != "classifiers":  # of whose sweeps the row may show a part
                yield named
        for name in self.members(artefacts):
            yield Named(f"{paths.key}.classifiers", Reference("classifiers"), name)
