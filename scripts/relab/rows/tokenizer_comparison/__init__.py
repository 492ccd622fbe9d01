"""Tokenizers of one corpus: how many characters a token holds, what is unknown, how long documents become."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import tokenizers
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.settings.base import Int
from relab.settings.references import Ref, of_kind


class Row(RowSettings):
    """What tokenizers make of the corpus that they are trained on, a tokenizer a row."""

    kind: Literal["tokenizer_comparison"]
    tokenizers: list[Ref["tokenizers", of_kind("a tokenizer", "sentencepiece")]] = Field(
        description="The tokenizers, all of one corpus.", min_length=1
    )
    limit: Int = Field(description="Tokens of a document, marks included, beyond which it counts as cut.", ge=3)

    STEPS = (
        Step(
            "score",
            "Score what tokenizers make of a corpus: characters a token, unknown tokens, lengths of documents.",
            "scores.score",
            scores=True,
        ),
        Step(
            "tabulate",
            "Write the tables of tokenizers, and of how long documents become.",
            "tables.tabulate",
            tables=(MAIN, "lengths"),
        ),
        Step("draw", "Draw how long documents become.", "figures.draw", figures=("lengths_of_documents",)),
    )

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"lengths": paths.table("lengths")}
        corpus = self._corpus(artefacts)
        read = {"tokens": [path for name in self.tokenizers for path in tokenizers.tokens(name, corpus).values()]}
        return {**read, **({"scores": paths.scores} if step == "tabulate" else {})}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"limit": self.limit}
        read = {"corpus": self._corpus(artefacts), "limit": self.limit}
        if step == "score":
            return {"tokenizers": self.tokenizers, **read}
        return {"tokenizers": [_shown(name, artefacts) for name in self.tokenizers], **read}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        first = self._corpus(artefacts)
        for name in self.tokenizers:
            if (corpus := artefacts.tokenizers[name].settings.corpus) != first:
                raise UserError(
                    f"{paths.key}.tokenizers: {name!r} is trained on {corpus!r}, {self.tokenizers[0]!r} on {first!r}; "
                    "expected tokenizers of one corpus"
                )

    def _corpus(self, artefacts: Artefacts) -> str:
        return artefacts.tokenizers[self.tokenizers[0]].settings.corpus


def _shown(name: str, artefacts: Artefacts) -> dict[str, Any]:
    settings = artefacts.tokenizers[name].settings
    keys = {"lower_case", "character_coverage", "byte_fallback"}
    return {"name": name, "vocabulary": settings.vocab_size, **settings.model_dump(mode="json", include=keys)}
