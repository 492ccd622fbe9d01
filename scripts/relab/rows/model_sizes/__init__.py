"""Sizes of models: parameters of architectures counted from their configurations, beside what a write-up reports."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts.kind import Artefacts
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.settings.base import spec
from relab.settings.sizes import Size


class Row(RowSettings):
    """Parameters of published architectures, counted without their weights."""

    kind: Literal["model_sizes"]
    sizes: list[Size] = Field(description="The architectures.", min_length=1)

    STEPS = (
        Step(
            "tabulate",
            "Count the parameters of architectures from their configurations.",
            "counts.tabulate",
            scores=True,
            tables=(MAIN,),
            environment=TRAIN,
        ),
    )

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        names = [size.name for size in self.sizes]
        reported = [model for model in paths.reported.get("generations", {}).values() if model["name"] in names]
        return {
            "sizes": [spec(size) for size in self.sizes],
            "reported": {model["name"]: model["millions"] for model in reported},
        }
