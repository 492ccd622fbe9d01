"""Encoding texts with a frozen network: each unique text once, in batches of similar length within a budget of tokens."""

from __future__ import annotations

import array
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.datasets.storage import column_texts
from relab.errors import UserError
from relab.features.store import feature_writer
from relab.networks import context_length
from relab.settings.encoders import Encoder

#: Unique texts that are tokenized and sorted together: what bounds the memory, whatever the size of the data set.
WINDOW = 4096
#: Tokens of a batch at most, padding included, where the setting leaves it open. A CPU reads large batches no faster, and they
#: hold texts of less similar length: of 1,000 speeches, 33,750 tokens, 38,671 are read with padding at 4096 and 35,208 at 1024.
BATCH_TOKENS, TOKENS_BY_DEVICE = 4096, {"cpu": 1024}


class TextIndex:
    """Finds the unique texts of some columns, by their digests, and the index of each text's vector."""

    def __init__(self, columns: Iterable[str]):
        self._seen: dict[bytes, int] = {}
        self._indices = {column: array.array("q") for column in columns}
        self._offsets = {column: array.array("q", [0]) for column in columns}
        self._lists: set[str] = set()

    def add(self, column: str, texts: Sequence[str]) -> list[str]:
        """Add the texts of one row in a column; return those that were not added before."""
        new = []
        for text in texts:
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if digest not in self._seen:
                self._seen[digest] = len(self._seen)
                new.append(text)
            self._indices[column].append(self._seen[digest])
        self._offsets[column].append(len(self._indices[column]))
        if len(texts) != 1:
            self._lists.add(column)
        return new

    def __len__(self) -> int:
        return len(self._seen)

    def tensors(self) -> dict[str, np.ndarray]:
        """The index of each column, and the offsets of columns of lists, as :mod:`relab.features.store` names them."""
        index_tensors = {f"index.{column}": np.array(indices, np.int64) for column, indices in self._indices.items()}
        return index_tensors | {
            f"offsets.{column}": np.array(self._offsets[column], np.int64) for column in sorted(self._lists)
        }


def encode_part(
    part: str | os.PathLike,
    columns: Sequence[str],
    output: str | os.PathLike,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoder: Encoder,
    progress: Callable[[int], Any] = lambda count: None,
    source: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Encode the texts of one part of a data set and write the features.

    Args:
        part: the part (Parquet), read twice: its size may be beyond memory.
        columns: its columns of texts or of lists of texts.
        output: the file of features (safetensors).
        model: an encoder or the body of a language model, in evaluation mode.
        progress: called with the number of unique texts encoded since the last call.
        source: what the file says of its origin (:func:`relab.features.store.metadata`).

    Returns:
        Counts of ``texts``, ``unique`` texts, their ``tokens`` read, and ``truncated`` texts.

    Raises:
        UserError: a part without texts, a text without a token.
    """
    index = TextIndex(columns)
    number = 0
    for column, texts in column_texts(part, columns):
        index.add(column, texts)
        number += len(texts)
    if not len(index):
        raise UserError(f"{part}: expected texts in {', '.join(columns)}, found none")
    second_index, counts = TextIndex(columns), {"texts": number, "unique": len(index), "tokens": 0, "truncated": 0}
    unique = (text for column, texts in column_texts(part, columns) for text in second_index.add(column, texts))
    with feature_writer(output, len(index), model.config.hidden_size, index.tensors(), source) as vectors:
        done = 0
        while window := list(islice(unique, WINDOW)):
            token_ids, truncated = tokenize(tokenizer, window, token_limit(encoder, model))
            counts["truncated"] += truncated
            counts["tokens"] += sum(map(len, token_ids))
            for indices, pooled in pooled_batches(model, token_ids, token_budget(encoder, model.device)):
                for name, values in pooled.items():
                    vectors[name][done + indices] = values
                progress(len(indices))
            done += len(window)
    return counts


def token_limit(encoder: Encoder, model: PreTrainedModel) -> int:
    """The largest number of tokens of a text: the setting, or the positions of the network where they are fewer."""
    return min(encoder.tokens, context_length(model))


def token_budget(encoder: Encoder, device: torch.device) -> int:
    """The largest number of tokens of a batch, padding included: the setting, or what suits the device."""
    return encoder.batch_tokens or batch_tokens(device)


def batch_tokens(device: torch.device) -> int:
    """The number of tokens of a batch, padding included, that suits a device."""
    return TOKENS_BY_DEVICE.get(device.type, BATCH_TOKENS)


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], limit: int) -> tuple[list[list[int]], int]:
    """Token ids of each text with special tokens, truncated to ``limit``, and the number of truncated texts.

    Raises:
        UserError: a text without a token.
    """
    encoded = tokenizer(
        list(texts), truncation=True, max_length=limit, return_overflowing_tokens=True, return_attention_mask=False,
        return_token_type_ids=False,
    )  # fmt: skip
    token_ids: list[list[int]] = [[] for _ in texts]
    pieces = [0] * len(texts)
    for ids, text_index in zip(encoded["input_ids"], encoded["overflow_to_sample_mapping"], strict=True):
        pieces[text_index] += 1
        if pieces[text_index] == 1:
            token_ids[text_index] = ids
    if empty := [text for text, ids in zip(texts, token_ids, strict=True) if not ids]:
        raise UserError(f"the tokenizer makes no token of the text {empty[0]!r}")
    return token_ids, sum(count > 1 for count in pieces)


@torch.inference_mode()
def pooled_batches(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], budget: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield batches of texts: their indices in ``rows`` and their vectors by pooling, ``[texts, width]`` float32.

    Batches hold texts of similar length, padded on the right under a mask, ``budget`` tokens with padding (or one text).
    Pooling (Devlin et al. 2019; Reimers & Gurevych 2019): the first position, the mean of all real positions, the last one.
    """
    for indices in length_batches([len(row) for row in rows], budget):
        longest = len(rows[indices[0]])
        lengths = torch.tensor([len(rows[index]) for index in indices])
        tokens = torch.tensor([[*rows[index], *[0] * (longest - len(rows[index]))] for index in indices])
        mask = torch.arange(longest) < lengths[:, None]
        options = {} if bool(mask.all()) else {"attention_mask": mask.long().to(model.device)}
        if getattr(model.config, "use_cache", False):
            options["use_cache"] = False  # a language model would keep the keys and values of all its layers
        last = model(input_ids=tokens.to(model.device), **options).last_hidden_state.float()
        weights = mask[:, :, None].to(last)
        pooled = {
            "cls": last[:, 0],
            "mean": (last * weights).sum(1) / weights.sum(1),
            "last": last[torch.arange(len(indices)), lengths.to(last.device) - 1],
        }
        yield np.array(indices), {name: values.cpu().numpy() for name, values in pooled.items()}


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield batches of indices of texts, by falling length, as many as the budget of tokens allows with padding."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
