"""Which rows the batches of an update hold: a function of the seed and the step alone, so that data order needs no state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

#: Batches whose rows are sorted by length together: little padding, and still other batches in each epoch.
_BATCHES_SORTED_TOGETHER = 16
#: Tokens whose forward and backward pass takes as long, on a CPU, as one pass more takes beside its tokens.
_PASS_TOKENS = 64


class IndexSampler:
    """Indices drawn at each step.

    Without replacement each epoch has every index once, in an order of its own; a step may end an epoch and begin the next.

    Args:
        size: indices are drawn from 0 up to this, exclusive.
        batch: indices in a batch.
        seed: seed of the draws.
        replacement: draw with replacement; else every index once an epoch.
        accumulation: batches in a step.
    """

    def __init__(self, size: int, batch: int, seed: int, replacement: bool = True, accumulation: int = 1):
        self._size, self._seed, self._replacement = size, seed, replacement
        self._shape = (accumulation, batch)
        self._order = lru_cache(maxsize=2)(self._shuffled)  # a step draws from two epochs at most, unless it holds several

    def rows(self, step: int) -> list[list[int]]:
        """The indices of each batch of the update after ``step`` finished ones."""
        return self.indices(step).reshape(self._shape).tolist()

    def indices(self, step: int) -> np.ndarray:
        """The indices of this update, ``[accumulation × batch]``."""
        count = self._shape[0] * self._shape[1]
        if self._replacement:
            return (_random_words(self._seed, step, count) % np.uint64(self._size)).astype(np.int64)
        drawn = np.arange(step * count, (step + 1) * count)
        epochs, indices = np.divmod(drawn, self._size)
        return np.concatenate([self._order(int(epoch))[indices[epochs == epoch]] for epoch in np.unique(epochs)])

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.argsort(_random_words(self._seed, epoch, self._size), kind="stable")


class LengthBuckets:
    """Every row once an epoch, rows of similar length in a batch, so that little is padded.

    The batches of an epoch are shuffled, and other ones in each epoch. The last batch of an epoch may have fewer rows, and its
    last step fewer batches.

    Args:
        lengths: tokens of each row.
        batch: rows in a batch.
        seed: seed of the draws.
        accumulation: batches in a step.

    Attributes:
        steps_per_epoch: steps in which every row is drawn once.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int, accumulation: int = 1):
        self._lengths, self._batch, self._seed, self._accumulation = np.array(lengths), batch, seed, accumulation
        self.steps_per_epoch = -(-len(lengths) // (batch * accumulation))
        self._epoch = lru_cache(maxsize=2)(self._batches_of_epoch)

    def rows(self, step: int) -> list[list[int]]:
        """The indices of each batch of the update after ``step`` finished ones."""
        epoch, index = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[index * self._accumulation : (index + 1) * self._accumulation]

    def _batches_of_epoch(self, epoch: int) -> list[list[int]]:
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(len(self._lengths))
        batches: list[list[int]] = []
        together = self._batch * _BATCHES_SORTED_TOGETHER
        for start in range(0, len(order), together):
            group = order[start : start + together]
            group = group[np.argsort(-self._lengths[group], kind="stable")]
            batches += [group[index : index + self._batch].tolist() for index in range(0, len(group), self._batch)]
        return [batches[index] for index in generator.permutation(len(batches))]


def parts_of_similar_length(rows: Sequence[int], lengths: Sequence[int], pass_tokens: int = _PASS_TOKENS) -> list[list[int]]:
    """Divide the rows of a batch so that its parts, each padded to its longest row, cost a CPU the least.

    The gradient of a batch is the sum of those of its parts, so that only the padding that is computed depends on them.

    Args:
        rows: the rows.
        lengths: tokens of each of them ``[rows]``.
        pass_tokens: what a part costs, in tokens, besides its rows with their padding.

    Returns:
        The rows of each part in the order of the batch, the part of the longest rows first.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable")
    longest = np.asarray(lengths)[order]
    costs, starts = np.zeros(len(order) + 1), np.zeros(len(order) + 1, int)  # of the best parts of the first so many rows
    for end in range(1, len(order) + 1):
        with_last_part = costs[:end] + longest[:end] * (end - np.arange(end)) + pass_tokens
        starts[end] = with_last_part.argmin()
        costs[end] = with_last_part[starts[end]]
    parts: list[list[int]] = []
    end = len(order)
    while end:
        parts.insert(0, [rows[index] for index in sorted(order[starts[end] : end])])
        end = starts[end]
    return parts


def by_falling_length(lengths: Sequence[int], batch: int) -> list[list[int]]:
    """Indices of all rows by falling length, ``batch`` at a time, for evaluation."""
    order = np.argsort(-np.array(lengths), kind="stable").tolist()
    return [order[start : start + batch] for start in range(0, len(order), batch)]


def evenly_spread_indices(last: int, count: int) -> list[int]:
    """At most ``count`` different indices from 0 to ``last``, evenly spread."""
    return sorted({last * index // max(1, count - 1) for index in range(count)})


def _random_words(seed: int, counter: int, count: int) -> np.ndarray:
    # raw words of a counter-based generator (Salmon et al. 2011): unlike its distributions, they never change
    return np.random.Philox(key=[seed, counter]).random_raw(count)
