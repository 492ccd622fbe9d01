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
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from relab.settings.datasets import Duplicates

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: The texts of a row.
Texts = tuple[str, ...]
#: Bands of the hash tables and hashes in each: a pair of similarity s is a candidate with probability 1 - (1 - s³)⁴⁰.
BANDS, HASHES = 40, 3
#: Pairs that are compared at a time, and parts in which n-grams are numbered.
BLOCK, PARTS = 2**13, 16

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
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(form_of.max() + 1,) * 2)
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
    is_later, near = np.zeros((2, form_of.max() + 1), bool)
    is_later[form_of[len(rows) :]] = True
    for first, second in _near_pairs(forms, settings, is_later):
        near[first] |= is_later[second]
        near[second] |= is_later[first]
    equal = is_later[form_of[: len(rows)]]
    return equal, near[form_of[: len(rows)]] & ~equal


def _distinct_forms(rows: Sequence[Texts], settings: Duplicates) -> tuple[Iterator[Texts], np.ndarray]:
    """The distinct (normalised) forms of rows in order, in memory until all are read, and the index of each row's form."""
    index_of_form: dict[Texts, int] = {}
    form_of = [
        index_of_form.setdefault(tuple(map(normalised, row)) if settings.normalise else row, len(index_of_form)) for row in rows
    ]
    return iter(index_of_form), np.array(form_of, np.int64)


def _near_pairs(forms: Iterable[Texts], settings: Duplicates, sides: np.ndarray | None = None) -> Iterator[tuple[int, int]]:
    """The pairs of forms that are near duplicates; where ``sides`` are given, only pairs of forms on different sides."""
    if settings.contained:
        forms = list(forms)
        yield from _contained_pairs(forms, settings.words)
    if settings.similarity < 1:
        yield from _similar_pairs(forms, settings, sides)


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


def _similar_pairs(forms: Iterable[Texts], settings: Duplicates, sides: np.ndarray | None) -> Iterator[tuple[int, int]]:
    """The pairs of forms whose sets of n-grams are similar: what both hold divided by what either holds (Jaccard)."""
    sets, digests = _ngram_sets(forms, settings.words)
    sizes = np.diff(sets.indptr)
    rows = _with_shared_ngrams(sets, settings.similarity)
    keys = _band_keys(sets, digests, rows)
    del digests  # the largest array
    sets.sort_indices()  # else a product takes memory for all n-grams
    for one, other in _candidates(keys, [] if sides is None else [sides[rows]]):
        first, second = rows[one], rows[other]
        common = sets[first].multiply(sets[second]).sum(1)
        near = common / (sizes[first] + sizes[second] - common) >= settings.similarity
        yield from zip(first[near].tolist(), second[near].tolist(), strict=True)


def _ngram_sets(forms: Iterable[Texts], size: int) -> tuple[csr_array, np.ndarray]:
    """The distinct word n-grams of each form, its texts one after the other.

    Returns:
        A matrix ``[forms, n-grams]`` with a place for each n-gram of a form, true where another form has it too, and the 64-bit
        digests of the n-grams, place by place.
    """
    from scipy.sparse import csr_array

    joined, ends = bytearray(), [0]
    for form in forms:
        words = " ".join(form).split()
        ngrams = {" ".join(words[start : start + size]) for start in range(max(len(words) - size + 1, 1))}
        joined += b"".join(hashlib.blake2b(ngram.encode(), digest_size=8).digest() for ngram in ngrams)
        ends.append(len(joined) // 8)
    digests = np.frombuffer(joined, "<u8")
    # numbered a part at a time: to sort all of them takes five times their memory
    numbers, is_shared, known = np.empty(len(digests), np.int32), np.empty(len(digests), bool), 0
    part_of = digests.view(np.uint8)[::8] % PARTS
    for part in range(PARTS):
        places = np.flatnonzero(part_of == part)
        _, number, counts = np.unique(digests[places], return_inverse=True, return_counts=True)
        numbers[places], is_shared[places] = number + known, counts[number] > 1
        known += len(counts)
    return csr_array((is_shared, numbers, np.array(ends, np.int32))), digests


def _with_shared_ngrams(sets: csr_array, similarity: float) -> np.ndarray:
    """Indices of the forms that may have a near duplicate: at least this share of their n-grams occurs in another form.

    Two sets of Jaccard similarity s share at least s of the n-grams of either, so that no pair is lost; in most data sets few
    forms are left.
    """
    shared = np.add.reduceat(sets.data, sets.indptr[:-1], dtype=np.int32)
    return np.flatnonzero(shared / np.diff(sets.indptr) >= similarity)  # as the similarity of a pair is computed


def _band_keys(sets: csr_array, digests: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A number for each band of the MinHash of some sets, ``[bands, rows]``: equal where all hashes of the band are."""
    from datasketch import MinHash

    sketch = MinHash(num_perm=BANDS * HASHES, hashfunc=int, scheme="affine64")
    factors = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)  # odd: no bit is lost
    keys = np.empty((BANDS, len(rows)), np.uint32)
    for index, row in enumerate(rows):
        minhash = sketch.copy()
        minhash.update_batch(digests[sets.indptr[row] : sets.indptr[row + 1]])
        # other hashes that happen to give the same number are one more candidate, whose similarity is computed as any other's
        keys[:, index] = (minhash.hashvalues.reshape(BANDS, HASHES) * factors).sum(1).astype(np.uint32)
    return keys


def _candidates(keys: np.ndarray, different: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of sets that have the same number in a band and differ in other values, each once, a block of them at a time.

    Args:
        keys: a number for each band of each set, ``[bands, sets]``.
        different: values in which the sets of a pair differ, ``[sets]`` each.

    Yields:
        The indices of the first and of the second set of each pair, ``[pairs]`` each.
    """
    for band, numbers in enumerate(keys):
        order = np.argsort(numbers)
        ordered = numbers[order]
        # how many pairs end at each set in that order or before it
        pairs = np.cumsum(np.arange(len(order)) - np.searchsorted(ordered, ordered))
        for block in range(0, pairs.max(initial=0), BLOCK):
            pair = np.arange(block, min(block + BLOCK, pairs[-1]))
            place = np.searchsorted(pairs, pair, side="right")
            first, second = order[place - pairs[place] + pair], order[place]
            for values in (*different, *keys[:band]):  # pairs that an earlier band has were found there
                is_left = values[first] != values[second]
                first, second = first[is_left], second[is_left]
            yield first, second
