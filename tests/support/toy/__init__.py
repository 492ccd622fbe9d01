"""A toy kind of row: the most frequent words of a corpus. All there is of it lies in this folder."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import corpora
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.settings.references import Ref


class Row(RowSettings):
    """The most frequent words of a corpus."""

    kind: Literal["toy"]
    corpus: Ref["corpora"] = Field(description="The corpus.")
    words: int = Field(3, description="How many words.", ge=1)

    STEPS = (
        Step("score", "Count all words.", "scores.score", scores=True),
        Step("tabulate", "Write the table of the most frequent words.", "tables.tabulate", tables=(MAIN,)),
        Step("draw", "Draw how often they occur.", "figures.draw", figures=("counts",)),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        return {"main": paths.table()} if step == "draw" else {"train": corpora.files(self.corpus)["train"]}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        return {"words": self.words} if step == "tabulate" else {}
