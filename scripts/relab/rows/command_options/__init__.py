"""The options of the command that samples texts, beside those of a write-up's program, and the command of a sampling."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts.kind import Artefacts
from relab.rows.command_options.options import described_options, option_values
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.settings.references import Ref, unknown


class Row(RowSettings):
    """The options of `relab generate`: what they mean, their defaults, and their values in the command of a sampling.

    Where a write-up reports the options of its own program they stand beside: its reported figures ``options`` have for each
    the ``option`` and the one ``here`` that does the same.
    """

    kind: Literal["command_options"]
    sampling: Ref["samplings"] = Field(
        description="The sampling whose command is shown: of one prompt in words, and one method."
    )

    STEPS = (Step("tabulate", "Write the table of the sampling command's options.", "tables.tabulate", tables=(MAIN,)),)

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        reported = [[figure["option"], figure["here"]] for figure in paths.reported.get("options", {}).values()]
        sampling = artefacts.samplings[self.sampling].settings
        return {
            "options": described_options(),
            "values": option_values(sampling, f"{paths.key}.sampling"),
            "reported": reported,
        }

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        known = [option["option"] for option in described_options()]
        for name, figure in paths.reported.get("options", {}).items():
            if figure["here"] not in known:
                raise unknown(figure["here"], known, "options", f"reported_figures.options.{name}.here")
        option_values(artefacts.samplings[self.sampling].settings, f"{paths.key}.sampling")
