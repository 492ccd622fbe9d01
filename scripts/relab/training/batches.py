"""What a language model reads: a corpus as one stream of tokens, cut into blocks, or its documents one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from relab import corpora
from relab.characters import alphabet
from relab.encoding import encode
from relab.errors import UserError

#: Token ids that a model reads and the ids that it is to predict, each ``[blocks, block]``; a target of -100 is none.
Batch = tuple[torch.Tensor, torch.Tensor]

#: What fills the inputs of a batch behind the shorter documents; 1 in the assignment on minGPT.
PADDING = 1
#: What fills the targets there; PyTorch's cross-entropy leaves it out.
IGNORED = -100


@dataclass(frozen=True)
class Text:
    """One split of a corpus: its token ids ``[tokens]`` (int32) and the size of its text in bytes of UTF-8."""

    tokens: torch.Tensor
    bytes: int


def read(path: Path, separator: str, tokenizer: PreTrainedTokenizerBase, block: int) -> Text:
    """Read a split of a corpus as one stream, its documents joined by ``separator``.

    Raises:
        UserError: a text too short for one block and the token that follows it, a character that the tokenizer lacks.
    """
    text = corpora.stream(path, separator)
    ids = encode(tokenizer, text, str(path))
    if len(ids) <= block:
        raise UserError(
            f"{path}: the block is longer than the corpus: expected more than {block} tokens (architecture.block), "
            f"found {len(ids)}"
        )
    return Text(torch.from_numpy(ids.astype(np.int32)), len(text.encode()))


class RandomBlocks:
    """Batches of blocks drawn at random from a stream of tokens.

    What is drawn for a step depends on the seed and the step alone: data order needs no state, and is the same on every
    device and however a step's blocks are shared out between batches.

    Args:
        tokens: the stream ``[tokens]``, on the device where the model is.
        block: tokens that are read; there must be at least one more in the stream.
        batch: blocks in a batch.
        accumulation: batches in a step.
        seed: seed of the draws.
    """

    def __init__(self, tokens: torch.Tensor, *, block: int, batch: int, accumulation: int, seed: int):
        self.tokens = tokens
        self.tokens_per_step = block * batch * accumulation
        self._shape = (accumulation, batch)
        self._starts = len(tokens) - block
        self._seed = seed
        self._offsets = torch.arange(block + 1, device=tokens.device)

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update that follows ``step`` finished ones."""
        accumulation, batch = self._shape
        starts = torch.from_numpy(_draw(self._starts, accumulation * batch, self._seed, step))
        for part in starts.to(self.tokens.device, non_blocking=True).split(batch):
            yield _blocks(self.tokens, part, self._offsets)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""
        accumulation, _ = self._shape
        return [self.tokens_per_step // accumulation] * accumulation


def evenly_spread(tokens: torch.Tensor, *, block: int, number: int, batch: int) -> list[Batch]:
    """``number`` blocks from the first to the last of a stream (fewer where it has not so many), ``batch`` at a time."""
    starts = torch.tensor(_spread(len(tokens) - block - 1, number), device=tokens.device)
    offsets = torch.arange(block + 1, device=tokens.device)
    return [_blocks(tokens, part, offsets) for part in starts.split(batch)]


def _blocks(tokens: torch.Tensor, starts: torch.Tensor, offsets: torch.Tensor) -> Batch:
    windows = tokens[starts[:, None] + offsets].long()
    return windows[:, :-1], windows[:, 1:]


class Documents(Dataset):
    """Documents as token ids, each an example of its own; an example is ``(x, y)``, ``y`` being ``x`` moved one to the left.

    Args:
        ids: token ids of each document. What is beyond ``block`` + 1 tokens is cut off, documents of fewer than two tokens,
            in which there is nothing to predict, are left out.
        block: tokens that are read at most.
        size: bytes of UTF-8 of all the documents' text.

    Attributes:
        tokens: tokens of all the documents, before anything was cut off or left out.
        bytes: their size.
        left_out: how many documents were left out.
        targets: number of targets in each example, ``[examples]``.
    """

    def __init__(self, ids: Iterable[Sequence[int]], block: int, size: int):
        documents = [np.asarray(one, dtype=np.int32) for one in ids]
        kept = [one[: block + 1] for one in documents if len(one) > 1]
        self.tokens = sum(map(len, documents))
        self.bytes = size
        self.left_out = len(documents) - len(kept)
        self.targets = np.array([len(one) - 1 for one in kept], dtype=np.int64)
        # one array: a list of a hundred thousand small ones takes ten times as much memory
        self._ids = torch.from_numpy(np.concatenate(kept) if kept else np.empty(0, np.int32))
        self._ends = np.cumsum(self.targets + 1)

    @classmethod
    def read(cls, path: Path, tokenizer: PreTrainedTokenizerBase, block: int) -> Documents:
        """Read the documents of a split of a corpus, each tokenised alone.

        Raises:
            UserError: no document of two tokens, a character that the tokenizer lacks.
        """
        texts = list(corpora.documents(path))
        documents = cls(_encode_each(tokenizer, texts, str(path)), block, sum(len(text.encode()) for text in texts))
        if not len(documents):
            raise UserError(f"{path}: expected documents of at least two tokens, found none among {len(texts)}")
        return documents

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        end = self._ends[index]
        ids = self._ids[end - self.targets[index] - 1 : end].long()
        return ids[:-1], ids[1:]


def collate(examples: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Batch:
    """Pad examples on the right to the longest of them: inputs with ``PADDING``, targets with ``IGNORED``.

    The model needs no attention mask: attention is causal, so that no token sees what stands on its right, and positions
    count from the left.
    """
    inputs, targets = zip(*examples, strict=True)
    return pad_sequence(inputs, True, PADDING), pad_sequence(targets, True, IGNORED)


class RandomDocuments:
    """Padded batches of documents drawn at random with replacement; what is drawn depends on seed and step alone.

    Args:
        documents: the documents.
        batch: documents in a batch.
        accumulation: batches in a step.
        seed: seed of the draws.
        device: where the model is.
    """

    def __init__(self, documents: Documents, *, batch: int, accumulation: int, seed: int, device: torch.device):
        self._documents = documents
        self._shape = (accumulation, batch)
        self._seed = seed
        self._device = device

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update that follows ``step`` finished ones."""
        for part in self._drawn(step):
            yield _padded(self._documents, part, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches, padding not counted."""
        return self._documents.targets[self._drawn(step)].sum(axis=1).tolist()

    def _drawn(self, step: int) -> np.ndarray:
        accumulation, batch = self._shape
        return _draw(len(self._documents), accumulation * batch, self._seed, step).reshape(accumulation, batch)


def evenly_spread_documents(documents: Documents, *, number: int, batch: int, device: torch.device) -> list[Batch]:
    """``number`` documents from the first to the last (fewer where there are not so many), ``batch`` at a time."""
    places = _spread(len(documents) - 1, number)
    return [_padded(documents, places[begin : begin + batch], device) for begin in range(0, len(places), batch)]


def _padded(documents: Documents, places: Iterable[int], device: torch.device) -> Batch:
    inputs, targets = collate([documents[place] for place in places])
    return inputs.to(device), targets.to(device)


def _draw(among: int, number: int, seed: int, step: int) -> np.ndarray:
    """``number`` of the numbers below ``among``, with replacement."""
    # raw words of a counter-based generator (Salmon et al. 2011): unlike its distributions, they never change
    words = np.random.Philox(key=[seed, step]).random_raw(number)
    return (words % np.uint64(among)).astype(np.int64)


def _spread(last: int, number: int) -> list[int]:
    """At most ``number`` different numbers from 0 to ``last``, evenly spread."""
    return sorted({last * index // max(1, number - 1) for index in range(number)})


def _encode_each(tokenizer: PreTrainedTokenizerBase, texts: list[str], place: str) -> Iterable[Sequence[int]]:
    """Encode texts one by one without special tokens; one of single characters takes a path of its own, as in ``encode``."""
    characters = alphabet(tokenizer)
    if characters is None:
        return tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    for number, text in enumerate(texts, 1):
        if not characters.keys() >= set(text):
            encode(tokenizer, text, f"{place}, document {number}")  # tells which character
    return np.split(encode(tokenizer, "".join(texts), place), list(itertools.accumulate(map(len, texts)))[:-1])
