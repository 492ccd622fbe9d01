"""Texts of a data set as token ids with the number of their class, padded where nothing reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.datasets import storage
from relab.encoding import encode
from relab.errors import UserError
from relab.features.encode import tokenized

#: The token that is added where a tokenizer has none that may stand for padding.
PADDING = "<pad>"

#: A tokenizer of whole words may part what stands around apostrophes and hyphens; it splits none of these.
_WORD = re.compile(r"\w+")

#: Batches whose rows are sorted by length together: little padding, and still another company in each epoch.
_SORTED = 16


@dataclass(frozen=True)
class Rows:
    """The rows of a split: token ids of each, the number of its class, and how many texts were cut."""

    ids: list[list[int]]
    labels: list[int]
    truncated: int
    texts: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> tuple[int, list[int], int]:
        return place, self.ids[place], self.labels[place]


def read(path: Path, tokenizer: PreTrainedTokenizerBase, classes: Sequence[str], limit: int) -> Rows:
    """The rows of a split. A mark of the tokenizer that stands in a text is read as the characters that it is written with.

    Args:
        path: the split (Parquet, columns ``text`` and ``label``).
        tokenizer: the tokenizer, which puts its marks around each text.
        classes: names of the classes; the head has an output for each.
        limit: tokens of a text at most, marks among them.

    Raises:
        UserError: a label that is none of the classes, a text without a token or with a character that a tokenizer of
            characters does not know.
    """
    found = storage.read(path)
    numbers = {name: number for number, name in enumerate(classes)}
    for place, label in enumerate(found["label"], start=1):
        if label not in numbers:
            raise UserError(
                f"{path}: row {place} has the label {label!r}, for which the head has no output; expected one of "
                f"{', '.join(classes)}"
            )
    texts = found["text"]
    if alphabet(tokenizer) is None:
        with _as_written(tokenizer):
            ids, truncated = tokenized(tokenizer, texts, limit)
    else:
        whole = [encode(tokenizer, text, f"{path}, row {place}").tolist() for place, text in enumerate(texts, start=1)]
        if "" in texts:
            raise UserError(f"{path}: row {texts.index('') + 1} has an empty text")
        ids, truncated = [row[:limit] for row in whole], sum(len(row) > limit for row in whole)
    return Rows(ids, [numbers[label] for label in found["label"]], truncated, texts)


@contextmanager
def _as_written(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Read a mark that stands in a text as its characters; the tokenizer is as before when the block ends."""
    before, tokenizer.split_special_tokens = tokenizer.split_special_tokens, True
    try:
        yield
    finally:
        tokenizer.split_special_tokens = before
        tokenizer.backend_tokenizer.encode_special_tokens = before
        tokenizer.backend_tokenizer.no_truncation()


def split_words(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> dict[str, Any]:
    """How many words, runs of letters and digits, a tokenizer splits: of the running ``words`` and of the ``distinct`` ones,
    each alone after a blank.

    A tokenizer of whole words splits none. ``examples`` are the three most frequent words that are split, with their tokens.
    """
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    known = sorted(counts)
    ids = [found["input_ids"] for found in map(partial(tokenizer, add_special_tokens=False), (f" {word}" for word in known))]
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


def padding(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token id of padding: one that ends no text, since a head on the last real position is told by it where that is.

    It is the tokenizer's own padding, else its end-of-text token, else a token that is added (the tokenizer changes).
    """
    marks = tokenizer("")["input_ids"]
    for token in (tokenizer.pad_token, tokenizer.eos_token):
        number = None if token is None else tokenizer.convert_tokens_to_ids(token)
        if number is not None and (not marks or number != marks[-1]):
            tokenizer.pad_token = token
            return number
    tokenizer.add_special_tokens({"pad_token": PADDING})
    return tokenizer.pad_token_id


def collate(rows: Sequence[tuple[int, list[int], int]], pad: int) -> dict[str, torch.Tensor]:
    """A batch: token ids padded on the right to its longest row under a mask, and the classes."""
    longest = max(len(ids) for _, ids, _ in rows)
    tokens = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for _, ids, _ in rows])
    lengths = torch.tensor([len(ids) for _, ids, _ in rows])
    mask = (torch.arange(longest) < lengths[:, None]).long()
    return {"input_ids": tokens, "attention_mask": mask, "labels": torch.tensor([label for _, _, label in rows])}


class TrainingBatches:
    """The batches of an epoch, a function of the seed and the epoch alone: drawn rows, those of similar length together.

    Set ``epoch`` before iterating: a resumed training then skips the batches that it has had.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int):
        self.lengths, self.batch, self.seed = np.array(lengths), batch, seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch)

    def __iter__(self) -> Iterator[list[int]]:
        drawn = np.random.default_rng([self.seed, self.epoch])
        order = drawn.permutation(len(self.lengths))
        batches = []
        for begin in range(0, len(order), self.batch * _SORTED):
            some = order[begin : begin + self.batch * _SORTED]
            some = some[np.argsort(-self.lengths[some], kind="stable")]
            batches += [some[place : place + self.batch].tolist() for place in range(0, len(some), self.batch)]
        return iter([batches[place] for place in drawn.permutation(len(batches))])


def evaluation_batches(lengths: Sequence[int], batch: int) -> list[list[int]]:
    """All rows by falling length."""
    order = np.argsort(-np.array(lengths), kind="stable").tolist()
    return [order[place : place + batch] for place in range(0, len(order), batch)]
