"""Labelled texts of a data set as token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import regex
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.datasets import storage
from relab.encoding import encode
from relab.errors import UserError
from relab.features.encode import tokenize
from relab.words import LETTER, UNSPACED

#: The padding token that is added to a tokenizer without a usable one.
PADDING = "<pad>"

#: Runs of letters and digits, characters where no blanks divide words: a tokenizer of whole words splits none of these.
_WORD = regex.compile(rf"(?V1){UNSPACED}|(?:{LETTER})+")


@dataclass(frozen=True)
class EncodedSplit:
    """The rows of a split: token ids and class index of each text, the texts, and how many were truncated."""

    ids: list[list[int]]
    labels: list[int]
    truncated: int
    texts: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def encode_split(path: Path, tokenizer: PreTrainedTokenizerBase, classes: Sequence[str], limit: int) -> EncodedSplit:
    """Encode the rows of a split.

    Args:
        path: the split (Parquet, columns ``text`` and ``label``).
        tokenizer: the tokenizer, which puts its special tokens around each text.
        classes: names of the classes; the head has an output for each.
        limit: tokens of a text at most, special tokens included.

    Raises:
        UserError: a label that is none of the classes, a text without a token or with a character that a tokenizer of
            characters does not know.
    """
    split = storage.read(path)
    numbers = {name: number for number, name in enumerate(classes)}
    for number, label in enumerate(split["label"], start=1):
        if label not in numbers:
            raise UserError(
                f"{path}: row {number} has the label {label!r}, for which the head has no output; expected one of "
                f"{', '.join(classes)}"
            )
    texts = split["text"]
    ids, truncated = encode_texts(texts, tokenizer, limit, str(path))
    return EncodedSplit(ids, [numbers[label] for label in split["label"]], truncated, texts)


def encode_texts(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, limit: int, source: str
) -> tuple[list[list[int]], int]:
    """Token ids of each text, and how many texts are longer than ``limit`` tokens, special tokens included.

    They lose their end, or their beginning where the tokenizer's ``truncation_side`` is left. Errors name the ``source``.

    Raises:
        UserError: a text without a token or with a character that a tokenizer of characters does not know.
    """
    if alphabet(tokenizer) is None:
        encoded = tokenize(tokenizer, texts, limit)
        tokenizer.backend_tokenizer.no_truncation()  # which would be saved with it
        return encoded
    encoded = [encode(tokenizer, text, f"{source}, row {number}").tolist() for number, text in enumerate(texts, start=1)]
    if "" in texts:
        raise UserError(f"{source}: row {list(texts).index('') + 1} has an empty text")
    kept = slice(-limit, None) if tokenizer.truncation_side == "left" else slice(limit)
    return [row[kept] for row in encoded], sum(len(row) > limit for row in encoded)


def split_words(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> dict[str, Any]:
    """How many words a tokenizer splits into several tokens: of all ``words`` in the texts and of the ``distinct`` ones.

    A word is a run of letters and digits, encoded alone after a blank. ``examples`` are the three most frequent words that are
    split, with their tokens.
    """
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    known = sorted(counts)
    ids = [
        encoding["input_ids"] for encoding in map(partial(tokenizer, add_special_tokens=False), (f" {word}" for word in known))
    ]
    if alphabet(tokenizer) is not None:
        ids = [row[1:] for row in ids]  # there the blank is a token of its own
    split = {word: row for word, row in zip(known, ids, strict=True) if len(row) > 1}
    shown = sorted(split, key=lambda word: (-counts[word], word))[:3]
    return {
        "words": counts.total(),
        "words_split": sum(counts[word] for word in split),
        "distinct": len(known),
        "distinct_split": len(split),
        "examples": "; ".join(f"{word} → {' '.join(tokenizer.convert_ids_to_tokens(split[word]))}" for word in shown),
    }


def ensure_padding_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the padding token, which must not end texts: a head on the last position finds that position by it.

    It is the tokenizer's padding token, else its end-of-text token, else a new token (the tokenizer changes).
    """
    template = tokenizer("")["input_ids"]
    for token in (tokenizer.pad_token, tokenizer.eos_token):
        token_id = None if token is None else tokenizer.convert_tokens_to_ids(token)
        if token_id is not None and (not template or token_id != template[-1]):
            tokenizer.pad_token = token
            return token_id
    tokenizer.add_special_tokens({"pad_token": PADDING})
    return tokenizer.pad_token_id
