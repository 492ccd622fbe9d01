"""The file of traces: texts that models generated, word by word, with what the corpus and the grammar say of each word.

It holds JSON lines, a generated text a line (:class:`Text`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from relab import json_lines
from relab.errors import UserError

#: The tables that texts are for: words with their probabilities, the most probable ones at each step.
WORDS, ALTERNATIVES = "words", "alternatives"

GREEDY, DRAWN = "greedy", "drawn"


class Alternative(json_lines.Entry):
    """One of the most probable tokens at a step."""

    id: int
    word: str  #: the token as text
    model_probability: float  #: its probability under the model, temperature 1
    corpus_frequency: float | None  #: its share among training sentences with the same beginning
    grammar_probability: float | None  #: its probability given the beginning, by the grammar


class Step(json_lines.Entry):
    """A token that was generated. What the corpus and the grammar say is missing where no sentence goes on."""

    id: int
    word: str  #: the token as text
    probability: float  #: its probability at the temperature: softmax(logits / temperature)
    model_probability: float  #: its probability under the model, temperature 1
    sentences: int  #: training sentences that go on from the same beginning
    grammar_probability: float | None  #: its probability given the beginning, by the grammar
    total_variation: float | None  #: distance between the model's whole distribution at temperature 1 and the grammar's
    corpus_total_variation: float | None  #: that between the training text's frequencies and the grammar's
    alternatives: list[Alternative]  #: of texts whose most probable tokens are shown: these, the most probable first


class Text(json_lines.Entry):
    """A text that a model generated, as a line of the file holds it."""

    model: str
    table: Literal["words", "alternatives"]  #: the table that it is for
    prompt: str
    prompt_ids: list[int]
    temperature: float
    method: Literal["greedy", "drawn"]  #: whether the most probable token was taken or one was drawn
    seed: int  #: seed of the model and of what was drawn
    greedy_ids: list[int]  #: the most probable tokens one after the other at temperature 1
    steps: list[Step]


def read(path: Path, models: Iterable[str]) -> dict[str, list[Text]]:
    """The texts of some models, by model.

    Raises:
        UserError: a line that is not such a text, a model without texts, texts of a model that was not asked for.
    """
    texts: dict[str, list[Text]] = {model: [] for model in models}
    for position, text in json_lines.read(path, Text):
        if text.model not in texts:
            raise UserError(f"{position}: not expected: a text of {text.model}")
        texts[text.model].append(text)
    for model, traced in texts.items():
        if not traced:
            raise UserError(f"{path}: no text of {model}")
    return texts


def of_table(texts: Sequence[Text], table: str, method: str = GREEDY) -> list[Text]:
    """The texts that belong to a table and were generated in one way."""
    return [text for text in texts if text.table == table and text.method == method]
