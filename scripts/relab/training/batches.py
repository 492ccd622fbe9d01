"""What a language model reads: a corpus as one stream of tokens, cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from relab.corpora import stream
from relab.encoding import encode
from relab.errors import UserError

#: Token ids that a model reads and the ids that it is to predict, each ``[blocks, block]``.
Batch = tuple[torch.Tensor, torch.Tensor]


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
    text = stream(path, separator)
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
        # raw words of a counter-based generator (Salmon et al. 2011): unlike its distributions, they never change
        words = np.random.Philox(key=[self._seed, step]).random_raw(accumulation * batch)
        starts = torch.from_numpy((words % np.uint64(self._starts)).astype(np.int64))
        for part in starts.to(self.tokens.device, non_blocking=True).split(batch):
            yield _blocks(self.tokens, part, self._offsets)


def evenly_spread(tokens: torch.Tensor, *, block: int, number: int, batch: int) -> list[Batch]:
    """``number`` blocks from the first to the last of a stream (fewer where it has not so many), ``batch`` at a time."""
    last = len(tokens) - block - 1
    starts = torch.tensor(sorted({last * index // max(1, number - 1) for index in range(number)}), device=tokens.device)
    offsets = torch.arange(block + 1, device=tokens.device)
    return [_blocks(tokens, part, offsets) for part in starts.split(batch)]


def _blocks(tokens: torch.Tensor, starts: torch.Tensor, offsets: torch.Tensor) -> Batch:
    windows = tokens[starts[:, None] + offsets].long()
    return windows[:, :-1], windows[:, 1:]
