"""What a model is made of and what training it takes: layers, configuration, memory computed and measured."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import models
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.settings.base import Int, spec
from relab.settings.references import ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS, Ref
from relab.settings.sizes import Size


class Row(RowSettings):
    """A model's layers and configuration; the memory of training it, measured, and of training architectures of other sizes."""

    TITLED = ("name",)

    kind: Literal["model_memory"]
    model: Ref["models", ENCODER_OR_LANGUAGE_MODEL, WITH_WEIGHTS] = Field(
        description="The model whose layers, configuration and training memory are shown."
    )
    sizes: list[Size] = Field(description="The architectures whose memory is computed.", min_length=1)
    batch: Int = Field(description="Texts in a batch.", ge=1)
    tokens: Int = Field(description="Tokens of each text.", ge=2)
    measured_batch: Int = Field(description="Texts in a batch where the memory is measured: the machine must hold it.", ge=1)

    STEPS = (
        Step(
            "tabulate",
            "Write the tables of a model's layers, their outputs and parameters, and of its configuration.",
            "layers.tabulate",
            tables=("layers", "configuration"),
            environment=TRAIN,
        ),
        Step(
            "estimate",
            "Compute the memory that training each of some sizes of a model takes.",
            "estimate.estimate",
            scores=True,
            tables=(MAIN,),
            environment=TRAIN,
        ),
        Step(
            "measure",
            "Measure the memory that training a model takes, in two steps of it.",
            "measure.measure",
            tables=("measured_memory",),
            environment=TRAIN,
            network=True,
            memory=8000,
            minutes=60,
            seconds=8,
        ),
        Step("draw", "Draw the memory that training takes by size.", "figures.draw", figures=("memory_parts",)),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"memory": paths.table()}
        opened = models.files(artefacts, self.model)
        return {"tabulate": {"config": opened["config"]}, "estimate": {}, "measure": dict(opened)}[step]

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        batch = {"batch": self.measured_batch if step == "measure" else self.batch, "tokens": self.tokens}
        if step == "tabulate":
            return batch
        if step == "measure":
            return {**batch, "threads": artefacts.threads}
        names = [size.name for size in self.sizes]
        reported = [model for model in paths.reported.get("memory", {}).values() if model["name"] in names]
        return {
            **batch,
            "sizes": [spec(size) for size in self.sizes],
            "reported": {model["name"]: model["gigabytes"] for model in reported},
        }
