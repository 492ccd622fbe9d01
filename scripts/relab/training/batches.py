"""Batches of token ids: blocks cut from one stream of tokens, whole documents, or prompts with their targets.

The token ids of a corpus stay in their file, see :mod:`relab.tokens.store`, until a batch is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from relab.errors import UserError
from relab.tokens.store import Tokens
from relab.training.draws import IndexSampler, LengthBuckets, evenly_spread_indices, parts_of_similar_length
from relab.training.processes import ALONE, Processes

#: The token id that pads the inputs of shorter documents; 1 in the assignment on minGPT.
PADDING = 1
#: The target that pads there, and stands where nothing is predicted; PyTorch's cross-entropy ignores it.
IGNORED = -100


class Batch(NamedTuple):
    """Token ids to read and to predict.

    Attributes:
        inputs: ``[sequences, tokens]``.
        targets: the token that follows each of them, ``[sequences, tokens]``; -100 is not predicted.
        predicted: the positions that have a target, counted through the batch row by row, ``[targets]``; None: all have one.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    predicted: torch.Tensor | None = None

    @classmethod
    def of(cls, inputs: torch.Tensor, targets: torch.Tensor, device: torch.device) -> Batch:
        """A batch on a device, from tensors on the CPU, where the positions with a target are found without a wait."""
        predicted = positions_of_targets(targets)
        return cls(*(None if part is None else to_device(part, device) for part in (inputs, targets, predicted)))

    def counts(self) -> torch.Tensor:
        """The number of targets of each row ``[sequences]``."""
        return (self.targets != IGNORED).sum(1)


def positions_of_targets(targets: torch.Tensor) -> torch.Tensor | None:
    """The positions that have a target, counted row by row ``[targets]``; None where all have one."""
    positions = (targets.flatten() != IGNORED).nonzero().squeeze(1)
    return None if len(positions) == targets.numel() else positions


def open_stream(path: Path, block: int, key: str = "block") -> Tokens:
    """Open a tokenized split, ``{corpus}/{split}.arrow``, as one stream of tokens; ``key``: that of the block, for messages.

    Raises:
        UserError: a stream too short for one block and the token that follows it, a file that holds no token ids.
    """
    tokens = Tokens(path)
    if tokens.size <= block:
        raise UserError(
            f"{key}: expected fewer than the {tokens.size} tokens of the {path.stem} text of the corpus {path.parent.name}, "
            f"found {block}"
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
        processes: those among which each batch is divided.
    """

    def __init__(
        self, tokens: Tokens, *, block: int, batch: int, accumulation: int, seed: int, device: torch.device,
        replacement: bool = True, processes: Processes = ALONE,
    ):  # fmt: skip
        self.tokens = tokens
        self._block = block
        starts = tokens.size - block if replacement else (tokens.size - 1) // block
        self._stride = 1 if replacement else block
        self._draws = IndexSampler(starts, batch, seed, replacement, accumulation)
        self._device, self._processes = device, processes

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update after ``step`` finished ones."""
        for indices in self._rows(step):
            yield _block_batch(self.tokens, [index * self._stride for index in indices], self._block, self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches."""
        return [len(indices) * self._block for indices in self._rows(step)]

    def _rows(self, step: int) -> list[list[int]]:
        return [self._processes.share(indices) for indices in self._draws.rows(step)]


def evenly_spread_blocks(tokens: Tokens, *, block: int, count: int, batch: int, device: torch.device) -> list[Batch]:
    """``count`` blocks evenly spread over a stream (fewer if it is short), ``batch`` at a time, for evaluation."""
    starts = evenly_spread_indices(tokens.size - block - 1, count)
    return [_block_batch(tokens, starts[first : first + batch], block, device) for first in range(0, len(starts), batch)]


def _block_batch(tokens: Tokens, starts: Sequence[int], block: int, device: torch.device) -> Batch:
    windows = np.empty((len(starts), block + 1), np.int64)
    for window, start in zip(windows, starts, strict=True):
        window[:] = tokens.slice(start, start + block + 1)
    tokens_on_device = to_device(torch.from_numpy(windows), device)
    return Batch(tokens_on_device[:, :-1], tokens_on_device[:, 1:])


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
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

    @property
    def lengths(self) -> np.ndarray:
        """Input tokens of each example, ``[examples]``: as many as targets."""
        return self.targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        document = self._document(int(self._kept[index]))
        ids = np.array(document[: self._most], dtype=np.int64)  # a copy: the file's own cannot be written to
        if self._end is not None and len(document) > self._most:
            ids[-1] = self._end
        tokens = torch.from_numpy(ids)
        return tokens[:-1], tokens[1:]


class PromptTargets(Dataset):
    """Prompts with their targets as examples ``(inputs, targets)``: only tokens of the target are predicted.

    An example is at most ``block`` + 1 tokens long: a long target is cut at its end, and a prompt at its beginning, since what
    is asked stands at its end as a rule.

    Args:
        prompts, answers: token ids of each prompt, which is not empty, and of what is to follow it.
        block: input tokens of an example at most.

    Attributes:
        truncated: number of examples that were cut.
        targets: number of targets of each example, ``[examples]``.
        lengths: tokens of each example, ``[examples]``.

    Raises:
        UserError: no example, a prompt or an answer without a token.
    """

    def __init__(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], block: int):
        if not len(prompts):
            raise UserError("expected prompts with their targets, found none")
        for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True), start=1):
            if not len(prompt) or not len(answer):
                raise UserError(f"row {number}: expected a prompt and a target of one token at least, found none")
        self._pairs = list(zip(prompts, answers, strict=True))
        self._most = block + 1
        self.truncated = sum(len(prompt) + len(answer) > self._most for prompt, answer in self._pairs)
        self.targets = np.array([min(len(answer), block) for answer in answers])
        self.lengths = np.array([min(len(prompt) + len(answer), self._most) for prompt, answer in self._pairs])

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        prompt, answer = self._pairs[index]
        answer = answer[: self._most - 1]
        prompt = prompt[-(self._most - len(answer)) :]
        tokens = torch.tensor([*prompt, *answer])
        targets = tokens[1:].clone()
        targets[: len(prompt) - 1] = IGNORED
        return tokens[:-1], targets


def collate(examples: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad examples on the right to the longest of them: inputs with ``PADDING``, targets with ``IGNORED``.

    No attention mask is needed: attention is causal, and positions count from the left.
    """
    inputs, targets = zip(*examples, strict=True)
    return pad_sequence(inputs, True, PADDING), pad_sequence(targets, True, IGNORED)


class Examples(Protocol):
    """Examples of different lengths, ``(inputs, targets)`` each, as :class:`Documents` and :class:`PromptTargets`."""

    targets: np.ndarray

    @property
    def lengths(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]: ...


class RandomExamples:
    """Padded batches of examples drawn at random; the draw depends on the seed and the step alone.

    On a CPU, where padding takes as long as text, a batch is read in parts of similar length where that is faster.

    Args:
        examples: the examples.
        batch: examples in a batch.
        accumulation: batches in a step.
        seed: seed of the draws.
        device: where the model is.
        replacement: draw with replacement; else each example once an epoch.
        by_length: each example once an epoch, those of similar length in a batch, see :class:`LengthBuckets`.
        processes: those among which each batch is divided.
    """

    def __init__(
        self, examples: Examples, *, batch: int, accumulation: int, seed: int, device: torch.device,
        replacement: bool = True, by_length: bool = False, processes: Processes = ALONE,
    ):  # fmt: skip
        self._examples = examples
        self._draws = (
            LengthBuckets(examples.lengths, batch, seed, accumulation)
            if by_length
            else IndexSampler(len(examples), batch, seed, replacement, accumulation)
        )
        self._device, self._processes = device, processes

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the update after ``step`` finished ones."""
        for indices in self._rows(step):
            # the last batch of an epoch may have fewer examples than there are processes, which all take part in every update
            yield _padded_batch(self._examples, self._processes.share(indices) or indices[:1], self._device)

    def targets(self, step: int) -> list[int]:
        """The number of targets in each of these batches, padding not counted."""
        return [int(self._examples.targets[self._processes.share(indices)].sum()) for indices in self._rows(step)]

    def _rows(self, step: int) -> list[list[int]]:
        batches = self._draws.rows(step)
        if self._processes.count > 1:  # all processes take part in every pass
            return batches
        return [part for rows in batches for part in forward_passes(rows, self._examples.lengths[rows], self._device)]


def forward_passes(rows: Sequence[int], lengths: np.ndarray, device: torch.device) -> list[list[int]]:
    """The rows of a batch as a device computes them fastest, in one pass or several; ``lengths``: tokens of each row.

    On a CPU padding takes as long as text, so that rows of similar length are apart; a GPU wants large passes.
    """
    return parts_of_similar_length(rows, lengths) if device.type == "cpu" else [list(rows)]


def evenly_spread_examples(examples: Examples, *, count: int, batch: int, device: torch.device) -> list[Batch]:
    """``count`` examples evenly spread over all (fewer if there are few), ``batch`` at a time, for evaluation."""
    indices = evenly_spread_indices(len(examples) - 1, count)
    return [_padded_batch(examples, indices[first : first + batch], device) for first in range(0, len(indices), batch)]


def _padded_batch(examples: Examples, indices: Iterable[int], device: torch.device) -> Batch:
    return Batch.of(*collate([examples[index] for index in indices]), device)
