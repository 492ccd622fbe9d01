"""A kind of row that makes what its settings say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relab.rows.contract import RowSettings, Step


class Row(RowSettings):
    """Tables and figures, named in its settings."""

    kind: Literal["made"]
    makes: list[str] = Field([], description="Names of its tables.")
    draws: list[str] = Field([], description="Names of its figures.")

    @property
    def steps(self) -> tuple[Step, ...]:
        tabulate = Step("tabulate", "Write its tables.", "steps.tabulate", tables=tuple(self.makes))
        return (tabulate, *([Step("draw", "Draw.", "steps.draw", figures=tuple(self.draws))] if self.draws else []))
