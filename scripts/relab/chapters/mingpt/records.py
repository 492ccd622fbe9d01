"""What a trace holds: texts that a model generated, word by word, with what the corpus and the grammar say of each word.

A trace is a file of JSON lines, a generated text a line (:class:`Text`), named after its model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from relab.errors import UserError
from relab.files import write_text
from relab.settings.base import Settings

#: The tables that texts belong to: E2's and E3's.
WORDS, ALTERNATIVES = "words", "alternatives"

GREEDY, DRAWN = "greedy", "drawn"


class Alternative(Settings):
    """One of the most probable tokens at a step."""

    id: int = Field(description="Token id.")
    word: str = Field(description="The token as text.")
    model_probability: float = Field(description="Its probability under the model, temperature 1.")
    corpus_frequency: float | None = Field(description="Its share among training sentences with the same beginning.")
    grammar_probability: float | None = Field(description="Its probability given the beginning, by the grammar.")


class Step(Settings):
    """A token that was generated. What the corpus and the grammar say is missing where no sentence goes on."""

    id: int = Field(description="Token id.")
    word: str = Field(description="The token as text.")
    probability: float = Field(description="Its probability at the temperature: softmax(logits / temperature).")
    model_probability: float = Field(description="Its probability under the model, temperature 1.")
    sentences: int = Field(description="Training sentences that go on from the same beginning.")
    grammar_probability: float | None = Field(description="Its probability given the beginning, by the grammar.")
    total_variation: float | None = Field(
        description="Total-variation distance between the model's whole distribution at temperature 1 and the grammar's."
    )
    corpus_total_variation: float | None = Field(description="That between the training text's frequencies and the grammar's.")
    alternatives: list[Alternative] = Field(description="E3: the most probable tokens, the most probable first.")


class Text(Settings):
    """A text that a model generated, as a line of a trace holds it."""

    table: Literal["words", "alternatives"] = Field(description="The table that it is for.")
    prompt: str = Field(description="The prompt.")
    prompt_ids: list[int] = Field(description="Its token ids.")
    temperature: float = Field(description="Softmax temperature.")
    method: Literal["greedy", "drawn"] = Field(description="Whether the most probable token was taken or one was drawn.")
    seed: int = Field(description="Seed of the model and of what was drawn.")
    greedy_ids: list[int] = Field(description="The most probable tokens one after the other at temperature 1.")
    steps: list[Step] = Field(description="The tokens generated, in order.")


def write(path: Path, texts: Sequence[Text]) -> None:
    """Write a trace, whole or not at all."""
    write_text(path, "".join(json.dumps(one.model_dump(mode="json"), ensure_ascii=False) + "\n" for one in texts))


def read(path: Path) -> list[Text]:
    """Read a trace.

    Raises:
        UserError: a line that is not such a text, or no line at all.
    """
    texts = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        try:
            texts += [Text.model_validate_json(line)] if line else []
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise UserError(f"{path}, line {number}: expected a traced text ({key or 'line'}: {first['msg']})") from None
    if not texts:
        raise UserError(f"{path}: expected a traced text a line, found none")
    return texts


def by_model(paths: Iterable[Path], models: Iterable[str]) -> dict[str, Path]:
    """Traces by the name of their model, which is that of the file.

    Raises:
        UserError: where one is missing or not asked for.
    """
    found, expected = {Path(path).stem: Path(path) for path in paths}, set(models)
    for name in sorted(set(found) ^ expected):
        raise UserError(f"--traces: {'no file of' if name in expected else 'not expected: a file of'} {name}")
    return found


def of_table(texts: Sequence[Text], table: str, method: str = GREEDY) -> list[Text]:
    """The texts of a trace that belong to a table and were generated in one way."""
    return [one for one in texts if one.table == table and one.method == method]
