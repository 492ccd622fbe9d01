"""Exact nearest neighbours by cosine, a block of documents at a time; equal scores come in the order of documents.

Similarities are computed in float64 and rounded to float32, so that they depend neither on the size of the blocks nor on the
kernels and threads of the matrix product, and equal ones are equal. Each is then one integer with the document's place, whose
order is that of the ranking: the largest ones of a block and of all before it are found by partition, ties and all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from relab.errors import UserError

#: Queries whose similarities to a block are in memory at once.
QUERIES = 128
#: A document's place and the half of an integer that holds it; earlier documents have larger integers.
_PLACES = 0xFFFFFFFF
_MISSING = np.iinfo(np.int64).min


class Ranked(NamedTuple):
    """The best documents of each query."""

    documents: np.ndarray
    """Places of documents, ``[queries, depth]`` int64, the best first; -1 where there are no more."""
    scores: np.ndarray
    """What they are ranked by, ``[queries, depth]``."""


def nearest(blocks: Iterable[np.ndarray], queries: np.ndarray, depth: int) -> Ranked:
    """The documents of the largest cosine with each query.

    Args:
        blocks: vectors of documents in their order, ``[any number, width]`` each, as ``Features.blocks`` yields them.
        queries: vectors ``[queries, width]`` float32.
        depth: documents of each query; fewer where there are fewer.

    Raises:
        UserError: vectors of another width, or with a number that is not finite.
    """
    units = _units(queries, "a query")
    found = np.full((len(units), 0), _MISSING)
    first = 0
    for block in blocks:
        if block.shape[1] != units.shape[1]:
            raise UserError(f"expected documents' vectors of the queries' width {units.shape[1]}, found {block.shape[1]}")
        transposed = _units(block, "a document").T
        kept = [
            _largest(_keys((units[start : start + QUERIES] @ transposed).astype(np.float32), first), depth)
            for start in range(0, len(units), QUERIES)
        ]
        found = _largest(np.concatenate([found, np.concatenate(kept)], axis=1), depth)
        first += len(block)
    return _ranked(found)


def best(scores: np.ndarray, depth: int) -> Ranked:
    """The documents of the largest scores ``[queries, documents]`` (compared as float32)."""
    return _ranked(_largest(_keys(scores.astype(np.float32), 0), depth))


def expanded(found: Ranked, index: np.ndarray, depth: int) -> Ranked:
    """Documents in place of unique texts: all documents of a text have its score.

    Args:
        found: the ``depth`` best unique texts of each query, numbered in the order in which they first occur.
        index: the unique text of each document, ``[documents]``.
        depth: documents of each query.
    """
    members = np.argsort(index, kind="stable")
    ends = np.cumsum(np.bincount(index, minlength=int(found.documents.max(initial=0)) + 1))
    documents = np.full((len(found.documents), min(depth, len(index))), -1)
    scores = np.full(documents.shape, np.nan, found.scores.dtype)
    for row, (texts, own) in enumerate(zip(*found, strict=True)):
        places = [members[ends[text - 1] if text else 0 : ends[text]] for text in texts if text >= 0]
        values = np.repeat(own[: len(places)], [len(one) for one in places])
        joined = np.concatenate([*places, np.empty(0, np.int64)])
        order = np.lexsort((joined, -values))[:depth]
        documents[row, : len(order)], scores[row, : len(order)] = joined[order], values[order]
    return Ranked(documents, scores)


def without(found: Ranked, own: Sequence[int], depth: int) -> Ranked:
    """The rankings without one document of each query (-1: none), cut to ``depth``: search for one more than is wanted."""
    kept = (found.documents != np.asarray(own)[:, None]) & (found.documents >= 0)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :depth]
    kept = np.take_along_axis(kept, order, axis=1)
    documents = np.where(kept, np.take_along_axis(found.documents, order, axis=1), -1)
    return Ranked(documents, np.where(kept, np.take_along_axis(found.scores, order, axis=1), np.nan))


def _units(vectors: np.ndarray, whose: str) -> np.ndarray:
    """Vectors of length 1 in float64; a vector of zeros stays one: its cosine is 0."""
    vectors = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not np.isfinite(lengths).all():
        raise UserError(f"expected finite features, found one of {whose} that is not")
    return vectors / np.where(lengths > 0, lengths, 1)[:, None]


def _keys(scores: np.ndarray, first: int) -> np.ndarray:
    """Scores ``[queries, documents]`` float32 and the places of their documents as integers in the order of the ranking."""
    scores += np.float32(0)  # -0 and 0 are equal
    keys = _ordered(scores.view(np.int32)).astype(np.int64)
    keys <<= 32
    keys |= _PLACES - np.arange(first, first + scores.shape[1])
    return keys


def _ordered(bits: np.ndarray) -> np.ndarray:
    """The bits of float32 numbers as integers of the same order; and back."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _largest(keys: np.ndarray, depth: int) -> np.ndarray:
    """The ``depth`` largest integers of each row, in any order."""
    return np.partition(keys, -depth, axis=1)[:, -depth:] if keys.shape[1] > depth else keys


def _ranked(keys: np.ndarray) -> Ranked:
    keys = np.sort(keys, axis=1)[:, ::-1]
    scores = _ordered((keys >> 32).astype(np.int32)).view(np.float32)
    return Ranked(_PLACES - (keys & _PLACES), scores)
