"""Duplicates among the rows of a data set: equal in a normalised form, or near it by the n-grams that they share.

Near duplicates are rows whose sets of word n-grams have at least a certain Jaccard similarity (Broder 1997). Candidates come
from MinHash (``datasketch``) and locality-sensitive hashing, and the similarity of each is then computed exactly: no pair
below the bound is ever taken, and of those right at the bound one in two hundred is missed (:data:`BANDS`). A row of
fewer words than an n-gram counts as one n-gram, so that short texts, and those of languages that write no blanks, are
duplicates where they are equal.
"""

from __future__ import annotations

import hashlib
import re
import string
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from relab.settings.datasets import Duplicates

#: The texts of a row.
Texts = tuple[str, ...]
#: Bands of the hash tables and hashes in each: a pair of similarity s is a candidate with probability 1 - (1 - s³)⁴⁰.
BANDS, HASHES = 40, 3

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
#: Apostrophes stand inside words: "don't" and "dont" are the same word.
_APOSTROPHES = "'’`"


def normalised(text: str) -> str:
    """A text in NFKC with its case folded, without links and punctuation, its words parted by single blanks.

    A text of nothing else, such as a row of exclamation marks, keeps its links and punctuation.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_LINK.sub(" ", folded).translate(_punctuation()).split()) or " ".join(folded.split())


@cache
def _punctuation() -> dict[int, str]:
    marks = {code: " " for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith("P")}
    return marks | {ord(mark): " " for mark in string.punctuation} | {ord(mark): "" for mark in _APOSTROPHES}


def duplicate_groups(rows: Sequence[Texts], settings: Duplicates) -> np.ndarray:
    """Group the rows that are duplicates of one another, directly or through other rows.

    Returns:
        For each row the index of the first row of its group, ``[rows]``; its own index where it has no duplicate.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    forms, form_of = _distinct_forms(rows, settings)
    pairs = np.array(list(_near_pairs(forms, settings)), np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(forms), len(forms)))
    _, component = connected_components(links, directed=False)
    _, first, group = np.unique(component[form_of], return_index=True, return_inverse=True)
    return first[group]


def find_duplicates(rows: Sequence[Texts], later_rows: Sequence[Texts], settings: Duplicates) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have the same normalised form as a row of later splits, and which have not but are near duplicates of one.

    Returns:
        Two booleans for each row, ``[rows]`` each.
    """
    if not later_rows:
        return np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    forms, form_of = _distinct_forms([*rows, *later_rows], settings)
    is_later = np.zeros(len(forms), bool)
    is_later[form_of[len(rows) :]] = True
    near = np.zeros(len(forms), bool)
    for first, second in _near_pairs(forms, settings, is_later):
        near[first] |= is_later[second]
        near[second] |= is_later[first]
    equal = is_later[form_of[: len(rows)]]
    return equal, near[form_of[: len(rows)]] & ~equal


def _distinct_forms(rows: Sequence[Texts], settings: Duplicates) -> tuple[list[Texts], np.ndarray]:
    """The distinct (normalised) forms of rows in order, and the index of each row's form."""
    index_of_form: dict[Texts, int] = {}
    form_of = [
        index_of_form.setdefault(tuple(map(normalised, row)) if settings.normalise else row, len(index_of_form)) for row in rows
    ]
    return list(index_of_form), np.array(form_of, np.int64)


def _near_pairs(forms: Sequence[Texts], settings: Duplicates, sides: np.ndarray | None = None) -> Iterator[tuple[int, int]]:
    """The pairs of forms that are near duplicates; where ``sides`` are given, only pairs of forms on different sides."""
    if settings.similarity < 1:
        yield from _similar_pairs(forms, settings, sides)
    if settings.contained:
        yield from _contained_pairs(forms, settings.words)


def _contained_pairs(forms: Sequence[Texts], least: int) -> Iterator[tuple[int, int]]:
    """The pairs of forms the first of which stands within the second, word by word, and has this many words at least."""
    texts = [" ".join(form).split() for form in forms]
    starting: dict[tuple[str, ...], list[int]] = {}
    for index, words in enumerate(texts):
        if len(words) >= least:
            starting.setdefault(tuple(words[:least]), []).append(index)
    for index, words in enumerate(texts):
        for start in range(len(words) - least + 1):
            for candidate in starting.get(tuple(words[start : start + least]), ()):
                if candidate != index and words[start : start + len(texts[candidate])] == texts[candidate]:
                    yield candidate, index


def _similar_pairs(forms: Sequence[Texts], settings: Duplicates, sides: np.ndarray | None) -> Iterator[tuple[int, int]]:
    """The pairs of forms whose sets of n-grams are similar."""
    ngrams = [_ngrams(form, settings.words) for form in forms]
    rows = np.array(_with_shared_ngrams(ngrams, settings.similarity), np.int64)
    for index, earlier in _earlier_candidates(_band_keys([ngrams[row] for row in rows])):
        second, candidates = int(rows[index]), rows[earlier]
        if sides is not None:
            candidates = candidates[sides[candidates] != sides[second]]
        for first in candidates.tolist():
            if _jaccard(ngrams[first], ngrams[second]) >= settings.similarity:
                yield first, second


def _band_keys(ngrams: Sequence[np.ndarray]) -> np.ndarray:
    """A number for each band of the MinHash of each set, ``[sets, bands]``: equal where all hashes of the band are."""
    from datasketch import MinHash

    sketch = MinHash(num_perm=BANDS * HASHES, hashfunc=int, scheme="affine64")
    factors = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)  # odd: no bit is lost
    keys = np.empty((len(ngrams), BANDS), np.uint64)
    for index, hashed in enumerate(ngrams):
        minhash = sketch.copy()
        minhash.update_batch(hashed)
        # other hashes that happen to give the same number are one more candidate, whose similarity is computed as any other's
        keys[index] = (minhash.hashvalues.reshape(BANDS, HASHES) * factors).sum(1)
    return keys


def _earlier_candidates(keys: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each row of ``keys`` that has a number in the same column as rows before it, with those rows, both ascending.

    It takes 20 bytes a number: hash tables of Python objects (``datasketch.MinHashLSH``) take some 350.
    """
    order = np.argsort(keys, axis=0, kind="stable").astype(np.int32)  # equal numbers one after the other, rows ascending
    # where each row stands in that order, and the first row of its number
    position, group_start = np.empty_like(order), np.empty_like(order)
    for column, rows in enumerate(order.T):
        numbers = keys[rows, column]
        starts = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(rows)])
        position[rows, column] = np.arange(len(rows))
        group_start[rows, column] = np.repeat(starts, np.diff(starts, append=len(rows)))
    for index in np.flatnonzero((position > group_start).any(1)).tolist():
        ranges = zip(order.T, group_start[index], position[index], strict=True)
        yield index, np.unique(np.concatenate([rows[start:stop] for rows, start, stop in ranges]))


def _with_shared_ngrams(ngrams: Sequence[np.ndarray], similarity: float) -> list[int]:
    """Indices of texts that may have a near duplicate: at least this share of their n-grams occurs in another text.

    Two sets of Jaccard similarity s share at least s of the n-grams of either, so that no pair is lost; in most data sets few
    texts are left.
    """
    _, inverse, counts = np.unique(np.concatenate(ngrams), return_inverse=True, return_counts=True)
    sizes = np.array([len(text_ngrams) for text_ngrams in ngrams])
    shared = np.add.reduceat((counts > 1)[inverse].astype(np.int64), np.cumsum(sizes) - sizes)
    return np.flatnonzero(shared >= similarity * sizes).tolist()


def _ngrams(form: Texts, size: int) -> np.ndarray:
    """The distinct word n-grams of a row, its texts one after the other, as 64-bit digests, ascending."""
    words = " ".join(form).split()
    ngrams = {" ".join(words[start : start + size]) for start in range(max(len(words) - size + 1, 1))}
    digests = (hashlib.blake2b(ngram.encode(), digest_size=8).digest() for ngram in ngrams)
    return np.sort(np.frombuffer(b"".join(digests), "<u8"))


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of two sets, given as ascending arrays: what both hold divided by what either holds."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
