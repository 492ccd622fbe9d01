"""Sampled texts as other stages read them: the lines of ``results/samples/{sampling}.jsonl``, checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relab.errors import UserError
from relab.settings.base import Name, Settings, check
from relab.settings.samplings import Decoding


class TextsSpec(Settings):
    """Settings of the jobs that score texts and write their tables."""

    samplings: list[Name] = Field(description="The samplings, in the order in which they are shown.", min_length=1)


class Text(BaseModel):
    """One sampled text; ``method`` is how it was chosen, ``settings`` are missing where a person wrote it."""

    model_config = ConfigDict(frozen=True)

    method: str
    prompt: str
    prompt_index: int = Field(ge=0)
    index: int = Field(ge=0)
    text: str
    ended: bool
    settings: Decoding | None
    seed: int
    token_ids: list[int]
    token_logprobs: list[float]

    @model_validator(mode="after")
    def _a_probability_a_token(self):
        tokens, logprobs = len(self.token_ids), len(self.token_logprobs)
        if tokens != logprobs:
            raise ValueError(f"token_logprobs: expected one for each of the {tokens} token_ids, found {logprobs}")
        if self.ended and not self.token_ids:
            raise ValueError("ended: expected an end-of-text token, found no token")
        return self

    @property
    def tokens(self) -> list[int]:
        """Its token ids without the token that ended it, which is no part of the text."""
        return self.token_ids[:-1] if self.ended else self.token_ids


@dataclass(frozen=True)
class Texts:
    """The texts of one sampling, ordered by prompt, method in declared order, and number."""

    sampling: str
    texts: Sequence[Text]

    @property
    def seed(self) -> int:
        return self.texts[0].seed

    @cached_property
    def prompts(self) -> list[str]:
        """The prompts in order."""
        found = {text.prompt_index: text.prompt for text in self.texts}
        return [found[place] for place in sorted(found)]

    @cached_property
    def methods(self) -> dict[str, list[Text]]:
        """The texts by method, in declared order; every method has the same prompts."""
        found: dict[str, list[Text]] = {}
        for text in self.texts:
            found.setdefault(text.method, []).append(text)
        return found


def read_samplings(paths: Iterable[Path], samplings: Sequence[str]) -> list[Texts]:
    """The texts of some samplings, in their order; a file is named after its sampling.

    Raises:
        UserError: a file that is missing or not asked for, or that does not hold sampled texts.
    """
    found = {Path(path).stem: Path(path) for path in paths}
    for name in sorted(set(found) ^ set(samplings)):
        raise UserError(f"--samples: {'no file of' if name in samplings else 'not expected: a file of'} {name}")
    return [read_texts(found[name]) for name in samplings]


def read_texts(path: Path) -> Texts:
    """The texts of one sampling.

    Raises:
        UserError: a line that is no sampled text; a method without a prompt that others have; numbers of texts that are not
            0, 1, …; two seeds.
    """
    lines = [line for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
    if not lines:
        raise UserError(f"{path}: expected sampled texts, found none")
    found = [_text(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    texts = Texts(Path(path).stem, sorted(found, key=lambda text: text.prompt_index))
    if len({text.seed for text in texts.texts}) > 1:
        raise UserError(f"{path}: expected the texts of one seed, found those of several")
    _check_numbers(texts, path)
    return texts


def _check_numbers(texts: Texts, path: Path) -> None:
    prompts = sorted({text.prompt_index for text in texts.texts})
    for method, own in texts.methods.items():
        numbers: dict[int, list[int]] = {prompt: [] for prompt in prompts}
        for text in own:
            numbers[text.prompt_index].append(text.index)
        for prompt, found in numbers.items():
            if not found or found != list(range(len(found))):
                raise UserError(
                    f"{path}: method {method!r}, prompt {prompt}: expected texts numbered 0, 1, … in order, "
                    f"found {', '.join(map(str, found)) or 'none'}"
                )


def _text(line: str, place: str) -> Text:
    try:
        return check(Text, json.loads(line), "")
    except json.JSONDecodeError as error:
        raise UserError(f"{place}: not JSON ({error})") from None
    except UserError as error:
        raise UserError(f"{place}: {str(error).removeprefix(': ')}") from None
