"""Exact nearest neighbours by cosine, a block of documents at a time; equal scores come in the order of documents.

Similarities are computed in float64 and rounded to float32, so that they depend neither on the size of the blocks nor on the
kernels and threads of the matrix product, and equal ones are equal. Each is then packed with the document's index into one
integer key, whose order is that of the ranking: a partition gives the largest keys, ties included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from relab.errors import UserError

#: Queries that are compared with a block at once.
QUERY_BATCH = 128
#: The largest document index that fits the lower half of a key; earlier documents have larger keys.
_MAX_INDEX = 0xFFFFFFFF
_MISSING = np.iinfo(np.int64).min


class Ranked(NamedTuple):
    """The best documents of each query."""

    documents: np.ndarray
    """Indices of documents, ``[queries, depth]`` int64, the best first; -1 where there are no more."""
    scores: np.ndarray
    """Their scores, ``[queries, depth]``."""


def nearest_documents(blocks: Iterable[np.ndarray], queries: np.ndarray, depth: int) -> Ranked:
    """The documents with the largest cosine with each query.

    Args:
        blocks: vectors of documents in their order, ``[any number, width]`` each, as ``Features.blocks`` yields them.
        queries: vectors ``[queries, width]`` float32.
        depth: documents of each query; fewer where there are fewer.

    Raises:
        UserError: vectors of another width, or with a number that is not finite.
    """
    units = _unit_vectors(queries, "a query")
    keys = np.full((len(units), 0), _MISSING)
    first = 0
    for block in blocks:
        if block.shape[1] != units.shape[1]:
            raise UserError(f"expected documents' vectors of the queries' width {units.shape[1]}, found {block.shape[1]}")
        transposed = _unit_vectors(block, "a document").T
        block_keys = [
            _largest(_keys((units[start : start + QUERY_BATCH] @ transposed).astype(np.float32), first), depth)
            for start in range(0, len(units), QUERY_BATCH)
        ]
        keys = _largest(np.concatenate([keys, np.concatenate(block_keys)], axis=1), depth)
        first += len(block)
    return _ranked(keys)


def best_documents(scores: np.ndarray, depth: int) -> Ranked:
    """The documents with the largest scores ``[queries, documents]`` (compared as float32)."""
    return _ranked(_largest(_keys(scores.astype(np.float32), 0), depth))


def expand_texts(ranked: Ranked, index: np.ndarray, depth: int) -> Ranked:
    """Replace ranked unique texts by their documents: all documents of a text have its score.

    Args:
        ranked: the ``depth`` best unique texts of each query, numbered in the order in which they first occur.
        index: the unique text of each document, ``[documents]``.
        depth: documents of each query.
    """
    members = np.argsort(index, kind="stable")
    ends = np.cumsum(np.bincount(index, minlength=int(ranked.documents.max(initial=0)) + 1))
    documents = np.full((len(ranked.documents), min(depth, len(index))), -1)
    scores = np.full(documents.shape, np.nan, ranked.scores.dtype)
    for row, (texts, text_scores) in enumerate(zip(*ranked, strict=True)):
        groups = [members[ends[text - 1] if text else 0 : ends[text]] for text in texts if text >= 0]
        values = np.repeat(text_scores[: len(groups)], [len(group) for group in groups])
        candidates = np.concatenate([*groups, np.empty(0, np.int64)])
        order = np.lexsort((candidates, -values))[:depth]
        documents[row, : len(order)], scores[row, : len(order)] = candidates[order], values[order]
    return Ranked(documents, scores)


def exclude_documents(ranked: Ranked, excluded: Sequence[int], depth: int) -> Ranked:
    """The rankings without one ``excluded`` document of each query (-1: none), cut to ``depth``: search for one more."""
    kept = (ranked.documents != np.asarray(excluded)[:, None]) & (ranked.documents >= 0)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :depth]
    kept = np.take_along_axis(kept, order, axis=1)
    documents = np.where(kept, np.take_along_axis(ranked.documents, order, axis=1), -1)
    return Ranked(documents, np.where(kept, np.take_along_axis(ranked.scores, order, axis=1), np.nan))


def _unit_vectors(vectors: np.ndarray, kind: str) -> np.ndarray:
    """Vectors of length 1 in float64; a zero vector stays zero: its cosine is 0."""
    vectors = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not np.isfinite(lengths).all():
        raise UserError(f"expected finite features, found one of {kind} that is not")
    return vectors / np.where(lengths > 0, lengths, 1)[:, None]


def _keys(scores: np.ndarray, first: int) -> np.ndarray:
    """Integers in the order of the ranking, from scores ``[queries, documents]`` float32 and the indices of the documents."""
    scores += np.float32(0)  # -0 and 0 are equal
    keys = _ordered(scores.view(np.int32)).astype(np.int64)
    keys <<= 32
    keys |= _MAX_INDEX - np.arange(first, first + scores.shape[1])
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
    return Ranked(_MAX_INDEX - (keys & _MAX_INDEX), scores)
