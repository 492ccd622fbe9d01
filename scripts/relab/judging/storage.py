"""Files of judgements: a judged text a line (JSON), written and read with checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field, model_validator

from relab import json_lines
from relab.errors import UserError
from relab.judging.names import HUMAN
from relab.texts.samples import Texts


class Judgement(json_lines.Entry):
    """One judged text. ``source`` is its sampling, or :data:`~relab.judging.names.HUMAN`.

    ``start`` is the token that the judge read before prompt and text, None where it has none: perplexities depend on it.
    ``logprobs`` are the judge's, natural logarithms, one for each of the ``tokens`` that are counted; ``characters`` are those
    that these tokens hold; ``cut`` tells that the judge's context ended before the text did.
    """

    source: str
    method: str
    prompt: str
    prompt_index: int = Field(ge=0)
    index: int = Field(ge=0)
    text: str
    start: str | None = None
    tokens: int = Field(ge=0)
    characters: int = Field(ge=0)
    logprobs: list[float]
    cut: bool

    @model_validator(mode="after")
    def _a_probability_a_token(self):
        if len(self.logprobs) != self.tokens:
            raise ValueError(f"logprobs: expected one for each of the {self.tokens} tokens, found {len(self.logprobs)}")
        if self.characters > len(self.text):
            raise ValueError(f"characters: expected at most the {len(self.text)} of the text, found {self.characters}")
        if any(value > 0 for value in self.logprobs):
            raise ValueError(f"logprobs: expected none above 0, found {max(self.logprobs)}")
        return self


#: What tables say of texts before which no token was read.
NO_START = "none"

#: The judgements of each method of each source, ``{(source, method): judgements}``, in the order of tables.
Judgements = dict[tuple[str, str], list[Judgement]]


def write_judgements(path: str | Path, judgements: Iterable[Judgement]) -> None:
    """Write judgements as JSON lines, whole or not at all."""
    json_lines.write(path, judgements)


def read_judgements(path: str | Path) -> Judgements:
    """Read a file of judgements.

    Raises:
        UserError: a line that is no judgement; texts of a method and prompt that are not numbered 0, 1, ….
    """
    judgements: Judgements = {}
    for position, judgement in json_lines.read(path, Judgement):
        earlier = judgements.setdefault((judgement.source, judgement.method), [])
        before = sum(text.prompt_index == judgement.prompt_index for text in earlier)
        if judgement.index != before:
            raise UserError(
                f"{position}: expected the text numbered {before} of the source {judgement.source!r}, method "
                f"{judgement.method!r}, prompt {judgement.prompt_index}, found {judgement.index}"
            )
        earlier.append(judgement)
    if not judgements:
        raise UserError(f"{path}: expected judged texts, found none")
    return judgements


def start_of(judgements: Sequence[Judgement]) -> str:
    """The token that texts were read behind, as tables name it; ``none`` where there is none.

    Raises:
        UserError: texts that were read behind several.
    """
    starts = sorted({judgement.start or NO_START for judgement in judgements})
    if len(starts) != 1:
        raise UserError(f"expected judgements of texts behind one start token, found {', '.join(starts) or 'no text'}")
    return starts[0]


def check_sources(path: str | Path, judgements: Judgements, samplings: Sequence[Texts], human: bool) -> None:
    """Check that a file judged the texts of some samplings, all of them, and where ``human`` is set those of humans too.

    Raises:
        UserError: where it judged others.
    """
    expected = {(sampling.sampling, method): texts for sampling in samplings for method, texts in sampling.methods.items()}
    names = [*expected, *([(HUMAN, HUMAN)] if human else [])]
    for source, method in sorted(set(judgements) ^ set(names)):
        state = "no texts of" if (source, method) in names else "not expected: texts of"
        raise UserError(f"{path}: {state} the source {source!r}, method {method!r}; have the texts judged again")
    for (source, method), texts in expected.items():
        judged = [(judgement.prompt, judgement.text) for judgement in judgements[source, method]]
        if judged != [(text.prompt, text.text) for text in texts]:
            raise UserError(f"{path}: judged other texts of {source!r}, method {method!r}, than were sampled; judge them again")
