"""One model opened in several number formats: what its weights take, how fast and how well it writes and scores targets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from relab.artefacts import datasets, models, samplings
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.shared.text_metrics import ABOUT, LANGUAGE
from relab.settings.base import spec
from relab.settings.references import Ref
from relab.settings.samplings import DatasetPrompts, Sampling

FORMS = "results/judgements/{chapter}/{name}.jsonl"


class Row(RowSettings):
    """A model in full precision and in narrower number formats: size, speed, perplexity of a data set's targets, metrics."""

    kind: Literal["quantised"]
    samplings: list[Ref["samplings"]] = Field(
        description="Samplings of one model from the sources of a data set of pairs, which differ in their precision alone. "
        "The first is the one that others are compared with.",
        min_length=1,
    )
    method: str = Field(description="The method of each whose texts are measured.")
    metrics: list[str] = Field(
        description=f"The metrics of its texts in the order of tables. There are {', '.join(ABOUT)}.", min_length=1
    )
    language: str | None = Field(
        None, description=f"Language that the texts should be in, such as en: of the metric {LANGUAGE}."
    )

    STEPS = (
        Step(
            "measure",
            "Open a model in several number formats: the size of its weights, its speed, how likely it finds targets.",
            "measure.measure",
            tables=("speed",),
            files={"forms": FORMS},
            environment=TRAIN,
            network=True,
            memory=3000,
            memory_with_card=6000,
            minutes=60,
            seconds=16,
        ),
        Step(
            "score",
            "Score a model in several number formats: perplexity, the metrics of its texts, differences pair by pair.",
            "scores.score",
            scores=True,
            memory=2000,
        ),
        Step(
            "tabulate",
            "Write the tables of a model in several number formats: a format a row, and differences.",
            "tables.tabulate",
            tables=(MAIN, "differences"),
        ),
        Step("draw", "Draw what narrower number formats change, pair by pair.", "figures.draw", figures=("differences",)),
    )

    @field_validator("samplings", "metrics")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError(f"expected each once, found {', '.join(names)}")
        return names

    @field_validator("metrics")
    @classmethod
    def _are_known(cls, metrics: list[str]) -> list[str]:
        for metric in metrics:
            if metric not in ABOUT:
                raise ValueError(f"{metric!r} is not among the metrics; expected one of {', '.join(ABOUT)}")
        return metrics

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        forms = FORMS.format(chapter=paths.chapter, name=paths.name)
        if step == "draw":
            return {"differences": paths.table("differences")}
        if step == "tabulate":
            return {"scores": paths.scores, "forms": forms}
        reference = artefacts.samplings[self.samplings[0]].settings
        pairs = {"pairs": datasets.file(reference.prompts.dataset, reference.prompts.split)}
        if step == "score":
            return {"samples": [samplings.file(name) for name in self.samplings], "forms": forms, **pairs}
        # what is asked is the same in all of them
        return {**models.files(artefacts, reference.model), "samples": samplings.file(self.samplings[0]), **pairs}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        if step == "measure":
            precisions = {name: artefacts.samplings[name].settings.precision for name in self.samplings}
            return {"precisions": precisions, "order": self.samplings, "method": self.method, "threads": artefacts.threads}
        split = artefacts.samplings[self.samplings[0]].settings.prompts.split
        settings = self.model_dump(include={"samplings", "method", "metrics", "language"}, exclude_none=True)
        return {"name": paths.name, "split": split, **settings}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse samplings that differ in more than their precision, and such as are not one text for each source of pairs."""
        if LANGUAGE in self.metrics and self.language is None:
            raise UserError(f"{paths.key}.language: required by the metric {LANGUAGE}")
        first: dict[str, Any] | None = None
        for name in self.samplings:
            settings = artefacts.samplings[name].settings
            self._check_sampling(paths.key, name, settings, artefacts)
            asked = spec(settings) | {"precision": None, "methods": spec(settings.methods[self.method])}
            first = first or asked
            if differing := sorted(key for key in first | asked if first.get(key) != asked.get(key)):
                raise UserError(
                    f"{paths.key}.samplings: expected samplings that differ in their precision alone, found "
                    f"{self.samplings[0]} and {name}, which differ in {', '.join(differing)}"
                )

    def _check_sampling(self, key: str, name: str, settings: Sampling, artefacts: Artefacts) -> None:
        dataset = settings.prompts.dataset if isinstance(settings.prompts, DatasetPrompts) else None
        if dataset is None or artefacts.datasets[dataset].settings.kind != "pairs":
            raise UserError(f"{key}.samplings: expected samplings from the sources of a data set of pairs, found {name}")
        if self.method not in settings.methods:
            known = ", ".join(settings.methods)
            raise UserError(f"{key}.method: expected a method of {name} ({known}), found {self.method!r}")
        if settings.methods[self.method].do_sample and settings.number > 1:
            raise UserError(f"{key}.samplings: expected one text for each source, found {settings.number} in {name}")
