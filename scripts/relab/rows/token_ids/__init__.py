"""What a tokenizer makes of some texts: the ids of their tokens."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import tokenizers
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.settings.references import Ref


class Row(RowSettings):
    """Texts, such as variants of one, as token ids."""

    kind: Literal["token_ids"]
    tokenizer: Ref["tokenizers"] = Field(description="The tokenizer.")
    texts: list[str] = Field(description="The texts.", min_length=1)

    STEPS = (
        Step(
            "tabulate",
            "Write the table of what a tokenizer makes of some texts.",
            "tokens.tabulate",
            scores=True,
            tables=(MAIN,),
            environment=TRAIN,
        ),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        return dict(tokenizers.files(artefacts, self.tokenizer))

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        return {"texts": self.texts}
