"""Networks fine-tuned as classifiers, beside the baselines and the frozen features of probes on the same data sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from relab.artefacts import classifiers, probes
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import Place, RowSettings, Step
from relab.rows.shared.probes import check_datasets, shown_classifiers, titles
from relab.settings import base
from relab.settings.references import Family, Named, Ref, Reference, of_kind


class Row(RowSettings):
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
            "score",
            "Score fine-tuned classifiers beside baselines and frozen features on the same rows, and pairs of them.",
            "scores.score_classifiers",
            scores=True,
            memory=2000,
            minutes=60,
            seconds=8,
        ),
        Step(
            "tabulate",
            "Write the tables of fine-tuned classifiers: beside baselines and frozen features, pairs, curves, words split.",
            "tables.tabulate",
            tables=("classifiers", "classifier_pairs", "classifier_curves", "split_words"),
        ),
        Step(
            "draw",
            "Draw losses and accuracies of fine-tuned classifiers over the epochs.",
            "figures.draw",
            figures=("classifiers",),
            seconds=4,
        ),
    )

    def shown(self, artefacts: Artefacts) -> dict[str, Member]:
        """The fine-tuned classifiers on the data sets of the probes, in order."""
        datasets = self._datasets(artefacts)
        members = [one for declaration in self.classifiers for one in artefacts.family("classifiers", declaration).items()]
        return {name: member for name, member in members if member.settings.dataset in datasets}

    def _datasets(self, artefacts: Artefacts) -> list[str]:
        return [artefacts.probes[probe].settings.dataset for probe in self.probes]

    def inputs(self, step: str, place: Place, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"curves": place.table("classifier_curves")}

        def of_probes(file: str) -> list[str]:
            return [probes.file(probe, file) for probe in self.probes]

        def of_classifiers(file: str) -> list[str]:
            return [classifiers.file(name, file) for name in self.shown(artefacts)]

        texts = of_classifiers("texts.csv")
        if step == "tabulate":
            histories = of_classifiers("history.csv")
            return {"scores": place.scores, "chosen": of_probes("chosen.csv"), "histories": histories, "texts": texts}
        finetuned = of_classifiers("predictions.parquet")
        return {"predictions": of_probes("predictions.parquet"), "finetuned": finetuned, "texts": texts}

    def spec(self, step: str, place: Place, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        shown = {}
        for name, member in self.shown(artefacts).items():
            settings = member.settings
            shown[name] = {"declaration": member.declaration, "dataset": settings.dataset, "seed": settings.seed}
            if step == "tabulate":
                model = artefacts.models[settings.model].declaration
                shown[name] |= {"model": model, "pretrained": settings.pretrained, "adaptation": base.spec(settings.adaptation)}
        whole = {**shown_classifiers(self.probes, artefacts), "classifiers": shown, "classifier_order": list(shown)}
        return {**whole, "titles": titles(self.probes, artefacts)} if step == "tabulate" else whole

    def check(self, place: Place, artefacts: Artefacts) -> None:
        check_datasets(self.probes, place, artefacts)
        datasets, key = self._datasets(artefacts), f"{place.key}.classifiers"
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

    def named(self, place: Place, artefacts: Artefacts) -> Iterator[Named]:
        for named in super().named(place, artefacts):
            if named.reference.kind != "classifiers":  # of whose sweeps the row may show a part
                yield named
        for name in self.shown(artefacts):
            yield Named(f"{place.key}.classifiers", Reference("classifiers"), name)
