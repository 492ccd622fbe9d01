"""How a model is asked for the target of a source."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from relab.settings.base import Settings

SOURCE = "{source}"


class Asking(Settings):
    """The text around a source that a model reads."""

    template: str = Field(
        SOURCE,
        description="What the model reads: `{source}` stands for the source, as in `Rewrite in modern English: {source}`.",
    )
    chat: bool = Field(False, description="Ask through the model's chat template, as the user's turn.")
    system: str | None = Field(None, description="With chat: the message of the system before it.", min_length=1)

    @model_validator(mode="after")
    def _names_the_source(self):
        if self.template.count(SOURCE) != 1:
            raise ValueError(f"template: expected a text with {SOURCE} in it once, found {self.template!r}")
        if names := [name for name in re.findall(r"\{ *\w* *\}", self.template) if name != SOURCE]:
            raise ValueError(f"template: expected {SOURCE} alone in braces, found {names[0]} in {self.template!r}")
        if self.system is not None and not self.chat:
            raise ValueError("system: expected only with chat: true, since only a chat template has a place for it")
        return self
