"""Models that were trained on from one base, beside that base: losses, held-out passages, texts before and after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from relab.artefacts import models
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import TRAIN, RowPaths, Step
from relab.rows.finetuned.names import Parameters, Passages
from relab.rows.shared.finetuning import DRAW, MEASURE, SCORE, TABULATE, FinetunedRow
from relab.settings.base import spec
from relab.settings.models import Schedule

COUNT = Step(
    "count", "Count the trained parameters by module: of the models, and of architectures without weights.",
    "parameters.count", tables=("parameters",),
    files={"parameters_scores": "results/scores/{chapter}/{name}_parameters.parquet"}, environment=TRAIN, memory=2000,
)  # fmt: skip
SCHEDULE = Step(
    "schedule", "Write the learning rates of the write-up's schedule beside those of the models.", "rates.tabulate",
    tables=("rates",), files={"rates_scores": "results/scores/{chapter}/{name}_rates.parquet"},
)  # fmt: skip


class Row(FinetunedRow):
    """Finetuned models beside their base: losses, perplexity of held-out passages, texts before and after."""

    kind: Literal["finetuned"]
    passages: Passages = Field(description="The held-out passages.")
    source_code: bool = Field(
        False, description="The corpus is of Python files: the share of texts that Python's parser accepts is measured, too."
    )
    parameters: Parameters | None = Field(None, description="Count the trained parameters by module. Left out: not counted.")
    writeup_schedule: Schedule | None = Field(
        None,
        description="The schedule as the write-up has it, where that is not what it meant: its learning rates stand beside "
        "those of the models. Left out: no learning rates are shown.",
    )

    @property
    def steps(self) -> tuple[Step, ...]:
        draw = replace(DRAW, figures=(*DRAW.figures, "cost"))
        if self.writeup_schedule is None:
            steps = (MEASURE, SCORE, TABULATE, draw)
        else:
            steps = (MEASURE, SCORE, TABULATE, SCHEDULE, replace(draw, figures=(*draw.figures, "rates")))
        return steps if self.parameters is None else (*steps, COUNT)

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        members = self.members(artefacts)
        if step == "count":
            return {"weights": models.weights(artefacts, [self.base(artefacts), *members])}
        if step == "schedule":
            return {}
        files = super().inputs(step, paths, artefacts)
        if step == "tabulate" or step == "score" and self.source_code:
            files["samples"] = models.made(members, "samples.jsonl")
        if step == "draw":
            files["models"] = paths.table()
            if self.writeup_schedule is not None:
                files["rates"] = paths.table("rates")
        return files

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "schedule":
            first = next(iter(self.members(artefacts).values())).settings
            return {"name": paths.name, "training": spec(first.training), "writeup_schedule": spec(self.writeup_schedule)}
        settings = super().spec(step, paths, artefacts)
        if step == "measure":
            return {**settings, "passages": spec(self.passages)}
        if step == "count":
            return {**settings, **spec(self.parameters)}
        return settings if step == "draw" else {**settings, "source_code": self.source_code}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        super().check(paths, artefacts)
        for name, member in self.members(artefacts).items():
            if member.settings.training.samples is None:
                raise UserError(f"models.{name}.training.samples: required, since {paths.key} shows texts before and after")
