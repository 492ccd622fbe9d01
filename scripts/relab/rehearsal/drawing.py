"""Drawn texts: sentences of common words, filled into the blanks of a template."""

from __future__ import annotations

import random
import re
from typing import Any

#: Common words, by language.
WORDS = {
    "en": "the old house stood by a quiet river where people came to sing and talk about their long journey home before winter "
    "snow fell on every small garden while children played with dogs under tall trees near an empty school and nobody knew why "
    "music made them happy or sad but good films often end with light rain over dark hills",
    "it": "nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura che la diritta via era smarrita quanto a dir "
    "qual era cosa dura esta selvaggia e aspra forte pensier rinova paura tant amara poco morte ma per trattar ben trovai",
    "pl": "stary dom stał nad cichą rzeką gdzie ludzie śpiewali i mówili o długiej drodze przed zimą śnieg leżał w każdym "
    "małym ogrodzie a dzieci bawiły się z psami pod wysokimi drzewami obok pustej szkoły żółta łódź płynęła ku źródłu",
}  # fmt: skip
NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Frank", "Greta", "Henry")
ARTICLES = ("This", "That", "The", "A", "One", "Every", "No", "Some", "My", "Our", "Her", "His")
OPENINGS = tuple(f"{article} {noun}" for noun in ("film", "story", "scene", "plot", "joke", "song") for article in ARTICLES)

_BLANK = re.compile(r"\{(sentences|sentence|word|name|opening|number|quotient|choice)(?::([\w|]+))?\}")


class Draw:
    """Draws what fills the blanks of templates; the same seed draws the same."""

    def __init__(self, seed: str):
        self.random = random.Random(seed)

    def words(self, language: str, number: int) -> list[str]:
        return self.random.choices(WORDS[language].split(), k=number)

    def sentence(self, language: str) -> str:
        """Eight to fourteen words."""
        return " ".join(self.words(language, self.random.randint(8, 14))).capitalize() + "."

    def blank(self, name: str, option: str | None, number: int) -> str | int:
        """What a blank of this name becomes in a row."""
        if name == "number":
            return number % int(option) if option else number
        if name == "quotient":
            return number // int(option)
        if name == "choice":
            choices = option.split("|")
            return choices[number % len(choices)]
        language = option or "en"
        if name == "word":
            return self.words(language, 1)[0]
        if name == "name":
            return self.random.choice(NAMES)
        if name == "opening":
            return OPENINGS[number // 4 % len(OPENINGS)]
        sentences = [self.sentence(language) for _ in range(1 if name == "sentence" else self.random.randint(3, 5))]
        return " ".join(sentences)

    def fill(self, cell: Any, number: int) -> Any:
        """A cell of a row: its blanks filled, however deep they stand."""
        if isinstance(cell, dict):
            return {key: self.fill(value, number) for key, value in cell.items()}
        if isinstance(cell, list):
            return [self.fill(value, number) for value in cell]
        if not isinstance(cell, str):
            return cell
        whole = _BLANK.fullmatch(cell)
        if whole:
            return self.blank(*whole.groups(), number)
        return _BLANK.sub(lambda blank: str(self.blank(*blank.groups(), number)), cell)
