"""Training batches of a corpus: blocks cut from one stream of tokens, or its documents one by one.

Token ids stay in their file, see :mod:`relab.tokens.store`, until a batch is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from relab.errors import UserError
from relab.tokens.store import Tokens

#: Inputs and targets, each ``[sequences, tokens]``; a target of -100 is not predicted.
Batch = tuple[torch.Tensor, torch.Tensor]

#: The token id that pads the inputs of shorter documents; 1 in the assignment on minGPT.
PADDING = 1
#: The target that pads there; PyTorch's cross-entropy ignores it.
IGNORED = -100


def open_stream(path: Path, block: int) -> Tokens:
    """Open a tokenized split as one stream of tokens.

    Raises:
        UserError: a stream too short for one block and the token that follows it, a file that holds no token ids.
    """
    tokens = Tokens(path)
    if tokens.size <= block:
        raise UserError(
            f"{path}: the block is longer than the corpus: expected more than {block} tokens (block), found {tokens.size}"
        )
    return tokens


class RandomBlocks:
    """Batches of blocks drawn at random from a stream of tokens.

    With replacement a block begins anywhere. Without, the stream is cut into blocks, one behind the other from its first token,
    and what is left at its end is not used. The draw depends on the seed and the step alone: data order needs no state, and is
    the same on every device and however a step's blocks are divided into batches.

    Args:
        tokens: the stream.
        block: input tokens of a block; there must be at least one more in the stream.
        batch: blocks in a batch.
        accumulation: batches in a step.
        seed: seed of the draws.
        device: where the model is.
        replacement: draw with replacement; else each block once an epoch.
    """

    def __init__(
        self, tokens: Tokens, *, block: int, batch: int, accumulation: int, seed: int, device: torch.device,
        replacement: bool = True,
    ):  # fmt: skip
        self.tokens = tokens
        self.tokens_per_step = block * batch * accumulation
        self._block = block
        self._shape = (accumulation, batch)
        starts = tokens.size - block if replacement else (tokens.size - 1) // block
        self._stride = 1 if replacement else block
        self._draws = IndexSampler(starts, accumulation * batch, seed, replacement)
        self._device = device

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update after ``step`` finished ones."""
        for starts in (self._draws.indices(step) * self._stride).reshape(self._shape).tolist():
            yield _block_batch(self.tokens, starts, self._block, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""
        accumulation, _ = self._shape
        return [self.tokens_per_step // accumulation] * accumulation


def evenly_spread_blocks(tokens: Tokens, *, block: int, count: int, batch: int, device: torch.device) -> list[Batch]:
    """``count`` blocks evenly spread over a stream (fewer if it is short), ``batch`` at a time, for evaluation."""
    starts = evenly_spread_indices(tokens.size - block - 1, count)
    return [_block_batch(tokens, starts[first : first + batch], block, device) for first in range(0, len(starts), batch)]


def _block_batch(tokens: Tokens, starts: Sequence[int], block: int, device: torch.device) -> Batch:
    windows = np.empty((len(starts), block + 1), np.int64)
    for window, start in zip(windows, starts, strict=True):
        window[:] = tokens.slice(start, start + block + 1)
    tokens_on_device = _to_device(torch.from_numpy(windows), device)
    return tokens_on_device[:, :-1], tokens_on_device[:, 1:]


def _to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Move a tensor to the model's device, on CUDA while it still computes the batch before."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Documents(Dataset):
    """Documents as examples ``(inputs, targets)``: the targets are the inputs moved one to the left.

    Only the first ``block`` + 1 tokens of a document are used; where the tokenizer's template ends documents by a token, that
    token replaces the last of them, as in the write-up. Documents of fewer than two tokens, which have no target, are
    skipped. Memory holds two numbers a document; token ids are read when an example is asked for.

    Args:
        document: returns the token ids of a document by its number.
        lengths: tokens of each document ``[documents]``.
        block: input tokens of an example at most.
        end: the end-of-text token of every document; None where there is none.

    Attributes:
        skipped: number of documents that were skipped.
        targets: number of targets of each example, ``[examples]``.
    """

    def __init__(self, document: Callable[[int], Sequence[int]], lengths: Sequence[int], block: int, end: int | None = None):
        lengths = np.asarray(lengths, dtype=np.int64)
        self._kept = np.flatnonzero(lengths > 1)
        self.skipped = len(lengths) - len(self._kept)
        self.targets = np.minimum(lengths[self._kept] - 1, block)
        self._document = document
        self._most = block + 1
        self._end = end

    @classmethod
    def from_tokens(cls, tokens: Tokens, block: int) -> Documents:
        """The documents of a tokenized split.

        Raises:
            UserError: no document of two tokens.
        """
        documents = cls(tokens.document, tokens.lengths, block, tokens.counts.end)
        if not len(documents):
            raise UserError(f"{tokens.path}: expected documents of at least two tokens, found none among {len(tokens)}")
        return documents

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        document = self._document(int(self._kept[index]))
        ids = np.array(document[: self._most], dtype=np.int64)  # a copy: the file's own cannot be written to
        if self._end is not None and len(document) > self._most:
            ids[-1] = self._end
        tokens = torch.from_numpy(ids)
        return tokens[:-1], tokens[1:]


def collate(examples: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Batch:
    """Pad examples on the right to the longest of them: inputs with ``PADDING``, targets with ``IGNORED``.

    No attention mask is needed: attention is causal, and positions count from the left.
    """
    inputs, targets = zip(*examples, strict=True)
    return pad_sequence(inputs, True, PADDING), pad_sequence(targets, True, IGNORED)


class RandomDocuments:
    """Padded batches of documents drawn at random; the draw depends on the seed and the step alone.

    Args:
        documents: the documents.
        batch: documents in a batch.
        accumulation: batches in a step.
        seed: seed of the draws.
        device: where the model is.
        replacement: draw with replacement; else each document once an epoch.
    """

    def __init__(
        self, documents: Documents, *, batch: int, accumulation: int, seed: int, device: torch.device, replacement: bool = True
    ):
        self._documents = documents
        self._shape = (accumulation, batch)
        self._draws = IndexSampler(len(documents), accumulation * batch, seed, replacement)
        self._device = device

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update after ``step`` finished ones."""
        for indices in self._drawn(step):
            yield _document_batch(self._documents, indices, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches, padding not counted."""
        return self._documents.targets[self._drawn(step)].sum(axis=1).tolist()

    def _drawn(self, step: int) -> np.ndarray:
        return self._draws.indices(step).reshape(self._shape)


def evenly_spread_documents(documents: Documents, *, count: int, batch: int, device: torch.device) -> list[Batch]:
    """``count`` documents evenly spread over all (fewer if there are few), ``batch`` at a time, for evaluation."""
    indices = evenly_spread_indices(len(documents) - 1, count)
    return [_document_batch(documents, indices[first : first + batch], device) for first in range(0, len(indices), batch)]


def _document_batch(documents: Documents, indices: Iterable[int], device: torch.device) -> Batch:
    inputs, targets = collate([documents[index] for index in indices])
    return _to_device(inputs, device), _to_device(targets, device)


class IndexSampler:
    """Indices drawn at each step, a function of the seed and the step alone.

    Without replacement each epoch has every index once, in an order of its own; a step may end an epoch and begin the next.

    Args:
        size: indices are drawn from 0 up to this, exclusive.
        count: indices that a step draws.
        seed: seed of the draws.
        replacement: draw with replacement; else every index once an epoch.
    """

    def __init__(self, size: int, count: int, seed: int, replacement: bool = True):
        self._size, self._count, self._seed, self._replacement = size, count, seed, replacement
        self._order = lru_cache(maxsize=2)(self._shuffled)  # a step draws from two epochs at most, unless it holds several

    def indices(self, step: int) -> np.ndarray:
        """The indices of the update after ``step`` finished ones, ``[count]``."""
        if self._replacement:
            return (_random_words(self._seed, step, self._count) % np.uint64(self._size)).astype(np.int64)
        drawn = np.arange(step * self._count, (step + 1) * self._count)
        epochs, indices = np.divmod(drawn, self._size)
        return np.concatenate([self._order(int(epoch))[indices[epochs == epoch]] for epoch in np.unique(epochs)])

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.argsort(_random_words(self._seed, epoch, self._size), kind="stable")


def _random_words(seed: int, counter: int, count: int) -> np.ndarray:
    # raw words of a counter-based generator (Salmon et al. 2011): unlike its distributions, they never change
    return np.random.Philox(key=[seed, counter]).random_raw(count)


def evenly_spread_indices(last: int, count: int) -> list[int]:
    """At most ``count`` different indices from 0 to ``last``, evenly spread."""
    return sorted({last * index // max(1, count - 1) for index in range(count)})
