"""A short text that models learn by heart: how it goes on, and how much of it stands in their greedy texts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import models, samplings, tokenizers
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import RowPaths
from relab.rows.shared.finetuning import DRAW, MEASURE, SCORE, TABULATE, FinetunedRow
from relab.settings.base import Int
from relab.settings.references import Family


class Row(FinetunedRow):
    """Models that learn a short text by heart, beside their base: what they know of it and of the rest of the text."""

    kind: Literal["memorisation"]
    samplings: Family["samplings"] = Field(
        description="The samplings, one of each of these models and one of their base; texts of the first method are searched, "
        "the others are compared with them."
    )
    opening: Int = Field(description="Words of each document that a model is given before it is asked for the rest.", ge=1)

    STEPS = (MEASURE, SCORE, TABULATE, DRAW)

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        files = super().inputs(step, paths, artefacts)
        if step in ("score", "tabulate"):
            files["samples"] = [samplings.file(sampling) for sampling in self._samplings(artefacts)]
        if step == "score":
            tokenizer = models.tokenizer_of(artefacts, self.base(artefacts))
            tokens = tokenizers.tokens(tokenizer, self.corpus(artefacts))
            files |= {f"{split}_tokens": path for split, path in tokens.items()}
        return files

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        settings = super().spec(step, paths, artefacts)
        if step == "measure":
            return {**settings, "opening": self.opening}
        if step == "draw":
            return settings
        return {**settings, "samplings": {member.settings.model: name for name, member in self._samplings(artefacts).items()}}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        super().check(paths, artefacts)
        members = self._samplings(artefacts)
        sampled = sorted(member.settings.model for member in members.values())
        expected = sorted([self.base(artefacts), *self.members(artefacts)])
        if sampled != expected:
            raise UserError(
                f"{paths.key}.samplings: expected a sampling of each of {', '.join(expected)}, found {', '.join(sampled)}"
            )
        for member in members.values():
            for method, decoding in member.settings.methods.items():
                if decoding.do_sample:
                    raise UserError(
                        f"{paths.key}.samplings: expected methods that give each prompt one text, found {method!r}, which draws"
                    )

    def _samplings(self, artefacts: Artefacts) -> dict[str, Member]:
        return artefacts.family("samplings", self.samplings)
