"""What the jobs of a row of quantised models share: their settings, names of experiments and metrics, the measured forms.

Experiments are ``{name of the row}/{sampling}``, and ``… − {reference}`` of what one has beyond the reference, pair by pair;
the split is that of the pairs. Sizes have the split :data:`FILES`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab import json_lines
from relab.errors import UserError
from relab.rows.shared.systems import NamedRow
from relab.settings.base import Int, Name, Settings

#: Of the tokens of targets. Differences are of the loss, in nats a token: that of two perplexities varies with their height.
PERPLEXITY, LOSS = "perplexity", "loss"
FILES, STORED, HELD = "files", "bytes on disk", "bytes in memory"


class MeasureSpec(Settings):
    """Settings of the job that runs the models."""

    precisions: dict[Name, str]  #: by sampling
    order: list[Name]  #: samplings in the order of tables, the reference first
    method: str
    threads: Int


class Spec(NamedRow):
    """Settings of the jobs that score and tabulate."""

    samplings: list[Name]
    method: str
    split: str
    metrics: list[str]
    language: str | None = None

    @property
    def reference(self) -> str:
        """The sampling that others are compared with."""
        return self.samplings[0]

    @property
    def compared(self) -> list[str]:
        """The samplings that are compared with the reference."""
        return self.samplings[1:]


class Form(json_lines.Entry):
    """A form of the model, by its sampling: what its weights are, what they take, what it makes of the targets.

    ``logprobs`` are natural logarithms of the probabilities of the tokens of each target behind its prompt.
    """

    sampling: str
    weights: str
    bytes_on_disk: int = Field(ge=0)
    bytes_in_memory: int = Field(ge=0)
    logprobs: list[list[float]]


def read_forms(path: Path, spec: Spec) -> dict[str, Form]:
    """The measured forms by sampling, in order.

    Raises:
        UserError: other forms than those of the samplings.
    """
    forms = {form.sampling: form for _, form in json_lines.read(path, Form)}
    if list(forms) != spec.samplings:
        raise UserError(f"{path}: expected the forms of {', '.join(spec.samplings)}, found {', '.join(forms) or 'none'}")
    return forms
