"""Settings of the job that has texts judged, and the names that its records share."""

from __future__ import annotations

from pydantic import Field, model_validator

from relab.settings.base import Int, Name, Settings

#: The source, and the method, of held-out documents among the judged texts; no sampling may have this name.
HUMAN = "human"


class JudgeTexts(Settings):
    """Settings of the job; the judge itself is its model directory."""

    samplings: list[Name] = Field(description="The samplings whose texts are judged, in the order of tables.", min_length=1)
    human: Int | None = Field(
        None, description="Held-out documents that are judged beside them, cut to their lengths. Left out: none.", ge=1
    )
    threads: Int = Field(1, description="Compute threads.", ge=1)

    @model_validator(mode="after")
    def _names(self):
        check_sources(self.samplings)
        return self


def check_sources(samplings: list[str]) -> None:
    """Refuse a sampling that stands twice or has the name of the held-out documents.

    Raises:
        ValueError: as a validator of settings raises it.
    """
    if len(set(samplings)) < len(samplings):
        raise ValueError(f"samplings: expected each once, found {', '.join(samplings)}")
    if HUMAN in samplings:
        raise ValueError(f"samplings: {HUMAN!r} is the name of the held-out documents, expected another one")
