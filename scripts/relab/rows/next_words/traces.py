"""The file of traces: texts that models generated, word by word, with what the corpus and the grammar say of each word.

It holds JSON lines, a generated text a line (:class:`Text`).
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

#: The tables that texts are for: words with their probabilities, the most probable ones at each step.
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
    alternatives: list[Alternative] = Field(
        description="Of texts whose most probable tokens are shown: these, the most probable first."
    )


class Text(Settings):
    """A text that a model generated, as a line of the file holds it."""

    model: str = Field(description="The model.")
    table: Literal["words", "alternatives"] = Field(description="The table that it is for.")
    prompt: str = Field(description="The prompt.")
    prompt_ids: list[int] = Field(description="Its token ids.")
    temperature: float = Field(description="Softmax temperature.")
    method: Literal["greedy", "drawn"] = Field(description="Whether the most probable token was taken or one was drawn.")
    seed: int = Field(description="Seed of the model and of what was drawn.")
    greedy_ids: list[int] = Field(description="The most probable tokens one after the other at temperature 1.")
    steps: list[Step] = Field(description="The tokens generated, in order.")


def write(path: Path, texts: Iterable[Text]) -> None:
    """Write traces, whole or not at all."""
    write_text(path, "".join(json.dumps(text.model_dump(mode="json"), ensure_ascii=False) + "\n" for text in texts))


def read(path: Path, models: Iterable[str]) -> dict[str, list[Text]]:
    """The texts of some models, by model.

    Raises:
        UserError: a line that is not such a text, a model without texts, texts of a model that was not asked for.
    """
    texts: dict[str, list[Text]] = {model: [] for model in models}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            text = Text.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise UserError(f"{path}, line {number}: expected a traced text ({key or 'line'}: {first['msg']})") from None
        if text.model not in texts:
            raise UserError(f"{path}, line {number}: not expected: a text of {text.model}")
        texts[text.model].append(text)
    for model, traced in texts.items():
        if not traced:
            raise UserError(f"{path}: no text of {model}")
    return texts


def of_table(texts: Sequence[Text], table: str, method: str = GREEDY) -> list[Text]:
    """The texts that belong to a table and were generated in one way."""
    return [text for text in texts if text.table == table and text.method == method]
