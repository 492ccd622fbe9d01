"""Encoding texts with a frozen network: unique texts, sorted by length, in batches of a budget of tokens."""

from __future__ import annotations

import array
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.datasets.storage import column_texts
from relab.errors import UserError
from relab.features.store import writing
from relab.settings.encoders import Encoder

#: Unique texts that are tokenized and sorted together: what bounds the memory, whatever the size of the data set.
WINDOW = 4096


class Index:
    """Which texts are new, by a digest of each, and where the vector of each text of each column is."""

    def __init__(self, columns: Iterable[str]):
        self._seen: dict[bytes, int] = {}
        self._places = {column: array.array("q") for column in columns}
        self._offsets = {column: array.array("q", [0]) for column in columns}
        self._lists: set[str] = set()

    def add(self, column: str, found: Sequence[str]) -> list[str]:
        """Take in what one row holds in a column; return the texts that no row held before."""
        new = []
        for text in found:
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if digest not in self._seen:
                self._seen[digest] = len(self._seen)
                new.append(text)
            self._places[column].append(self._seen[digest])
        self._offsets[column].append(len(self._places[column]))
        if len(found) != 1:
            self._lists.add(column)
        return new

    def __len__(self) -> int:
        return len(self._seen)

    def tensors(self) -> dict[str, np.ndarray]:
        """The index of each column; of a column of lists its offsets too."""
        found = {f"index.{column}": np.array(places, np.int64) for column, places in self._places.items()}
        return found | {f"offsets.{column}": np.array(self._offsets[column], np.int64) for column in sorted(self._lists)}


def encode_part(
    part: str | os.PathLike,
    columns: Sequence[str],
    output: str | os.PathLike,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoder: Encoder,
    progress: Callable[[int], Any] = lambda count: None,
) -> dict[str, int]:
    """Encode the texts of one part of a data set and write the features.

    Args:
        part: the part (Parquet), read twice: its size may be beyond memory.
        columns: its columns of texts, or of lists of them.
        output: the file of features (safetensors).
        model: an encoder or the body of a language model, in evaluation mode.
        progress: called with the number of unique texts encoded since the last call.

    Returns:
        ``texts``, ``unique`` texts, their ``tokens`` read, and how many of them were ``truncated``.

    Raises:
        UserError: a part without texts, a text without a token.
    """
    index = Index(columns)
    number = 0
    for column, found in column_texts(part, columns):
        index.add(column, found)
        number += len(found)
    if not len(index):
        raise UserError(f"{part}: expected texts in {', '.join(columns)}, found none")
    again, counts = Index(columns), {"texts": number, "unique": len(index), "tokens": 0, "truncated": 0}
    unique = (text for column, found in column_texts(part, columns) for text in again.add(column, found))
    with writing(output, len(index), model.config.hidden_size, index.tensors()) as vectors:
        done = 0
        while window := _take(unique, WINDOW):
            rows, truncated = tokenized(tokenizer, window, limit_of(encoder, model))
            counts["truncated"] += truncated
            counts["tokens"] += sum(map(len, rows))
            for places, pooled in pooled_batches(model, rows, encoder.batch_tokens):
                for name, values in pooled.items():
                    vectors[name][done + places] = values
                progress(len(places))
            done += len(window)
    return counts


def _take(items: Iterator[str], number: int) -> list[str]:
    return [item for _, item in zip(range(number), items, strict=False)]


def limit_of(encoder: Encoder, model: PreTrainedModel) -> int:
    """Tokens of a text at most: the setting, or fewer where the network has no more positions."""
    positions = getattr(model.config, "max_position_embeddings", None) or 0
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    # RoBERTa, MPNet and their kin keep the rows up to that of padding for padding
    unused = 0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1
    return min(encoder.tokens, positions - unused) if positions > 0 else encoder.tokens


def tokenized(tokenizer: PreTrainedTokenizerBase, found: Sequence[str], limit: int) -> tuple[list[list[int]], int]:
    """Token ids of each text, cut at ``limit`` with the tokenizer's marks at both ends, and how many texts were cut.

    Raises:
        UserError: a text without a token.
    """
    told = tokenizer(
        list(found), truncation=True, max_length=limit, return_overflowing_tokens=True, return_attention_mask=False,
        return_token_type_ids=False,
    )  # fmt: skip
    rows: list[list[int]] = [[] for _ in found]
    pieces = [0] * len(found)
    for ids, place in zip(told["input_ids"], told["overflow_to_sample_mapping"], strict=True):
        pieces[place] += 1
        if pieces[place] == 1:
            rows[place] = ids
    if empty := [text for text, ids in zip(found, rows, strict=True) if not ids]:
        raise UserError(f"the tokenizer makes no token of the text {empty[0]!r}")
    return rows, sum(count > 1 for count in pieces)


@torch.inference_mode()
def pooled_batches(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], budget: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield batches of texts: their places among ``rows`` and their vectors by pooling, ``[texts, width]`` float32.

    Batches hold texts of similar length, padded on the right under a mask, ``budget`` tokens with padding (or one text).
    Pooling (Devlin et al. 2019; Reimers & Gurevych 2019): the first position, the mean of all real positions, the last one.
    """
    for places in batches([len(row) for row in rows], budget):
        longest = len(rows[places[0]])
        lengths = torch.tensor([len(rows[place]) for place in places])
        tokens = torch.tensor([[*rows[place], *[0] * (longest - len(rows[place]))] for place in places])
        mask = torch.arange(longest) < lengths[:, None]
        more = {} if bool(mask.all()) else {"attention_mask": mask.long().to(model.device)}
        if getattr(model.config, "use_cache", False):
            more["use_cache"] = False  # a language model would keep the keys and values of all its layers
        last = model(input_ids=tokens.to(model.device), **more).last_hidden_state.float()
        weights = mask[:, :, None].to(last)
        pooled = {
            "cls": last[:, 0],
            "mean": (last * weights).sum(1) / weights.sum(1),
            "last": last[torch.arange(len(places)), lengths.to(last.device) - 1],
        }
        yield np.array(places), {name: values.cpu().numpy() for name, values in pooled.items()}


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of texts by falling length, as many at a time as the budget of tokens allows, padding counted."""
    chosen: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if chosen and lengths[chosen[0]] * (len(chosen) + 1) > budget:
            yield chosen
            chosen = []
        chosen.append(place)
    if chosen:
        yield chosen
