"""Sampled texts as other stages read them: the lines of ``results/samples/{sampling}.jsonl``, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relab import json_lines
from relab.errors import UserError
from relab.settings.samplings import Method


class Text(BaseModel):
    """One sampled text; ``method`` is how it was chosen, ``settings`` are missing where a human wrote it.

    ``asked`` is what the model read where that is another text than the prompt, ``row`` the prompt's row in its data set.
    """

    model_config = ConfigDict(frozen=True)

    method: str
    prompt: str
    prompt_index: int = Field(ge=0)
    index: int = Field(ge=0)
    text: str
    ended: bool
    settings: Method | None
    seed: int
    token_ids: list[int]
    token_logprobs: list[float]
    asked: str | None = None
    row: int | None = Field(None, ge=0)

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
        return list({text.prompt_index: text.prompt for text in self.texts}.values())

    @cached_property
    def methods(self) -> dict[str, list[Text]]:
        """The texts by method, in declared order; every method has the same prompts."""
        by_method: dict[str, list[Text]] = {}
        for text in self.texts:
            by_method.setdefault(text.method, []).append(text)
        return by_method


def read_samplings(paths: Iterable[Path], samplings: Sequence[str]) -> list[Texts]:
    """The texts of some samplings, in their order; a file is named after its sampling.

    Raises:
        UserError: a file that is missing or not asked for, or that does not hold sampled texts.
    """
    files = {Path(path).stem: Path(path) for path in paths}
    for name in sorted(set(files) ^ set(samplings)):
        raise UserError(f"--samples: {'no file of' if name in samplings else 'not expected: a file of'} {name}")
    return [read_texts(files[name]) for name in samplings]


def read_texts(path: Path) -> Texts:
    """The texts of one sampling.

    Raises:
        UserError: a line that is no sampled text; a method without a prompt that others have; numbers of texts that are not
            0, 1, …; two seeds.
    """
    texts = Texts(
        Path(path).stem, sorted((text for _, text in json_lines.read(path, Text)), key=lambda text: text.prompt_index)
    )
    if not texts.texts:
        raise UserError(f"{path}: expected sampled texts, found none")
    if len({text.seed for text in texts.texts}) > 1:
        raise UserError(f"{path}: expected the texts of one seed, found those of several")
    _check_numbers(texts, path)
    return texts


def _check_numbers(texts: Texts, path: Path) -> None:
    prompts = sorted({text.prompt_index for text in texts.texts})
    for method, texts_of_method in texts.methods.items():
        numbers: dict[int, list[int]] = {prompt: [] for prompt in prompts}
        for text in texts_of_method:
            numbers[text.prompt_index].append(text.index)
        for prompt, indices in numbers.items():
            if not indices or indices != list(range(len(indices))):
                raise UserError(
                    f"{path}: method {method!r}, prompt {prompt}: expected texts numbered 0, 1, … in order, "
                    f"found {', '.join(map(str, indices)) or 'none'}"
                )
