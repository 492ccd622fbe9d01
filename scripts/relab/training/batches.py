"""What a language model reads: a corpus as one stream of tokens, cut into blocks, or its documents one by one.

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

#: Token ids that a model reads and the ids that it is to predict, each ``[blocks, block]``; a target of -100 is none.
Batch = tuple[torch.Tensor, torch.Tensor]

#: What fills the inputs of a batch behind the shorter documents; 1 in the assignment on minGPT.
PADDING = 1
#: What fills the targets there; PyTorch's cross-entropy leaves it out.
IGNORED = -100


def read(path: Path, block: int) -> Tokens:
    """Open a split of a corpus, to be read as one stream.

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
    and what is left at its end is not read. What is drawn for a step depends on the seed and the step alone: data order needs
    no state, and is the same on every device and however a step's blocks are shared out between batches.

    Args:
        tokens: the stream.
        block: tokens that are read; there must be at least one more in the stream.
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
        self._draws = Draws(starts, accumulation * batch, seed, replacement)
        self._device = device

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update that follows ``step`` finished ones."""
        for part in (self._draws.of(step) * self._stride).reshape(self._shape).tolist():
            yield _blocks(self.tokens, part, self._block, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""
        accumulation, _ = self._shape
        return [self.tokens_per_step // accumulation] * accumulation


def evenly_spread(tokens: Tokens, *, block: int, number: int, batch: int, device: torch.device) -> list[Batch]:
    """``number`` blocks from the first to the last of a stream (fewer where it has not so many), ``batch`` at a time."""
    starts = evenly_spread_places(tokens.size - block - 1, number)
    return [_blocks(tokens, starts[begin : begin + batch], block, device) for begin in range(0, len(starts), batch)]


def _blocks(tokens: Tokens, starts: Sequence[int], block: int, device: torch.device) -> Batch:
    windows = np.empty((len(starts), block + 1), np.int64)
    for window, start in zip(windows, starts, strict=True):
        window[:] = tokens.slice(start, start + block + 1)
    moved = _moved(torch.from_numpy(windows), device)
    return moved[:, :-1], moved[:, 1:]


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the host on the model's device; a card fetches it while it still works on the batch before."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Documents(Dataset):
    """Documents as token ids, each an example of its own; an example is ``(x, y)``, ``y`` being ``x`` moved one to the left.

    Of a document only the first ``block`` + 1 tokens are read; where the tokenizer's template ends documents by a token, the
    last of those gives way to it, as in the write-up (row D1). Documents of fewer than two tokens, in which there is nothing to
    predict, are left out. Memory holds two numbers a document; ids are read when an example is asked for.

    Args:
        document: returns the token ids of a document by its number.
        lengths: tokens of each document ``[documents]``.
        block: tokens that are read at most.
        end: the token by which every document ends; None where it ends by its text.

    Attributes:
        left_out: how many documents were left out.
        targets: number of targets in each example, ``[examples]``.
    """

    def __init__(self, document: Callable[[int], Sequence[int]], lengths: Sequence[int], block: int, end: int | None = None):
        lengths = np.asarray(lengths, dtype=np.int64)
        self._kept = np.flatnonzero(lengths > 1)
        self.left_out = len(lengths) - len(self._kept)
        self.targets = np.minimum(lengths[self._kept] - 1, block)
        self._document = document
        self._most = block + 1
        self._end = end

    @classmethod
    def of(cls, tokens: Tokens, block: int) -> Documents:
        """The documents of a split of a corpus.

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
        found = self._document(int(self._kept[index]))
        ids = np.array(found[: self._most], dtype=np.int64)  # a copy: the file's own cannot be written to
        if self._end is not None and len(found) > self._most:
            ids[-1] = self._end
        one = torch.from_numpy(ids)
        return one[:-1], one[1:]


def collate(examples: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Batch:
    """Pad examples on the right to the longest of them: inputs with ``PADDING``, targets with ``IGNORED``.

    The model needs no attention mask: attention is causal, so that no token sees what stands on its right, and positions
    count from the left.
    """
    inputs, targets = zip(*examples, strict=True)
    return pad_sequence(inputs, True, PADDING), pad_sequence(targets, True, IGNORED)


class RandomDocuments:
    """Padded batches of documents drawn at random; what is drawn depends on seed and step alone.

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
        self._draws = Draws(len(documents), accumulation * batch, seed, replacement)
        self._device = device

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update that follows ``step`` finished ones."""
        for part in self._drawn(step):
            yield _padded(self._documents, part, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches, padding not counted."""
        return self._documents.targets[self._drawn(step)].sum(axis=1).tolist()

    def _drawn(self, step: int) -> np.ndarray:
        return self._draws.of(step).reshape(self._shape)


def evenly_spread_documents(documents: Documents, *, number: int, batch: int, device: torch.device) -> list[Batch]:
    """``number`` documents from the first to the last (fewer where there are not so many), ``batch`` at a time."""
    places = evenly_spread_places(len(documents) - 1, number)
    return [_padded(documents, places[begin : begin + batch], device) for begin in range(0, len(places), batch)]


def _padded(documents: Documents, places: Iterable[int], device: torch.device) -> Batch:
    inputs, targets = collate([documents[place] for place in places])
    return _moved(inputs, device), _moved(targets, device)


class Draws:
    """The numbers that each step draws, a function of the seed and the step alone.

    Without replacement the steps walk through one epoch behind the other, each of which has every number once in an order of
    its own; a step may end an epoch and begin the next.

    Args:
        among: how many numbers there are, from 0.
        number: how many a step draws.
        seed: seed of the draws.
        replacement: draw with replacement; else every number once an epoch.
    """

    def __init__(self, among: int, number: int, seed: int, replacement: bool = True):
        self._among, self._number, self._seed, self._replacement = among, number, seed, replacement
        self._order = lru_cache(maxsize=2)(self._shuffled)  # a step reads of two at most, unless it holds several

    def of(self, step: int) -> np.ndarray:
        """What the update that follows ``step`` finished ones draws, ``[number]``."""
        if self._replacement:
            return (_words(self._seed, step, self._number) % np.uint64(self._among)).astype(np.int64)
        drawn = np.arange(step * self._number, (step + 1) * self._number)
        epochs, indices = np.divmod(drawn, self._among)
        return np.concatenate([self._order(int(epoch))[indices[epochs == epoch]] for epoch in np.unique(epochs)])

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.argsort(_words(self._seed, epoch, self._among), kind="stable")


def _words(seed: int, counter: int, number: int) -> np.ndarray:
    # raw words of a counter-based generator (Salmon et al. 2011): unlike its distributions, they never change
    return np.random.Philox(key=[seed, counter]).random_raw(number)


def evenly_spread_places(last: int, number: int) -> list[int]:
    """At most ``number`` different numbers from 0 to ``last``, evenly spread."""
    return sorted({last * index // max(1, number - 1) for index in range(number)})
