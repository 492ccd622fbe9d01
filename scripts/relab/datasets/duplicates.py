"""Duplicates among the rows of a data set: equal in a normalised form, or near it by the n-grams that they share.

Near duplicates are rows whose sets of word n-grams have at least a certain Jaccard similarity (Broder 1997). Candidates come
from MinHash and locality-sensitive hashing (``datasketch``), and the similarity of each is then computed exactly: no pair
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
#: Bands of the hash tables, and hashes of each: a pair of similarity s is a candidate with probability 1 - (1 - s³)⁴⁰.
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


def groups(rows: Sequence[Texts], settings: Duplicates) -> np.ndarray:
    """Gather the rows that are duplicates of one another, directly or through others.

    Returns:
        For each row the index of the first row of its group, ``[rows]``; its own where it has no duplicate.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    forms, form_of = _distinct(rows, settings)
    pairs = np.array(list(_near_pairs(forms, settings)), np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(forms), len(forms)))
    _, component = connected_components(links, directed=False)
    _, first, group = np.unique(component[form_of], return_index=True, return_inverse=True)
    return first[group]


def duplicates(rows: Sequence[Texts], others: Sequence[Texts], settings: Duplicates) -> tuple[np.ndarray, np.ndarray]:
    """Which rows equal one of some others in their form, and which do not but are near duplicates of one.

    Returns:
        Two booleans for each row, ``[rows]`` each.
    """
    if not others:
        return np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    forms, form_of = _distinct([*rows, *others], settings)
    of_others = np.zeros(len(forms), bool)
    of_others[form_of[len(rows) :]] = True
    near = np.zeros(len(forms), bool)
    for one, other in _near_pairs(forms, settings, of_others):
        near[one] |= of_others[other]
        near[other] |= of_others[one]
    equal = of_others[form_of[: len(rows)]]
    return equal, near[form_of[: len(rows)]] & ~equal


def _distinct(rows: Sequence[Texts], settings: Duplicates) -> tuple[list[Texts], np.ndarray]:
    """The distinct forms of rows in order, and the index of each row's form."""
    number: dict[Texts, int] = {}
    form_of = [number.setdefault(tuple(map(normalised, row)) if settings.normalise else row, len(number)) for row in rows]
    return list(number), np.array(form_of, np.int64)


def _near_pairs(forms: Sequence[Texts], settings: Duplicates, sides: np.ndarray | None = None) -> Iterator[tuple[int, int]]:
    """The pairs of forms that are near duplicates; only those across two sides where each form's side is given."""
    from datasketch import MinHash, MinHashLSH

    if settings.similarity == 1:
        return
    ngrams = [_ngrams(form, settings.words) for form in forms]
    shared = _with_shared(ngrams, settings.similarity)
    sketch = MinHash(num_perm=BANDS * HASHES, hashfunc=int, scheme="affine64")
    tables = [MinHashLSH(num_perm=BANDS * HASHES, params=(BANDS, HASHES)) for _ in range(1 if sides is None else 2)]
    for place in shared:
        minhash = sketch.copy()
        minhash.update_batch(ngrams[place])
        side = 0 if sides is None else int(sides[place])
        # looked up in the other side's table, which is the only one where there are no sides
        for candidate in sorted(tables[-1 - side].query(minhash)):
            if _jaccard(ngrams[place], ngrams[candidate]) >= settings.similarity:
                yield candidate, place
        tables[side].insert(place, minhash, check_duplication=False)


def _with_shared(ngrams: Sequence[np.ndarray], similarity: float) -> list[int]:
    """The texts that may have a near duplicate: at least this share of their n-grams occurs in another text.

    Two sets of Jaccard similarity s share at least s of the n-grams of either, so that no pair is lost; in most data sets few
    texts are left.
    """
    _, inverse, counts = np.unique(np.concatenate(ngrams), return_inverse=True, return_counts=True)
    sizes = np.array([len(own) for own in ngrams])
    shared = np.add.reduceat((counts > 1)[inverse].astype(np.int64), np.cumsum(sizes) - sizes)
    return np.flatnonzero(shared >= similarity * sizes).tolist()


def _ngrams(form: Texts, size: int) -> np.ndarray:
    """The distinct word n-grams of a row, its texts one after the other, as 64-bit digests, ascending."""
    words = " ".join(form).split()
    ngrams = {" ".join(words[start : start + size]) for start in range(max(len(words) - size + 1, 1))}
    digests = (hashlib.blake2b(ngram.encode(), digest_size=8).digest() for ngram in ngrams)
    return np.sort(np.frombuffer(b"".join(digests), "<u8"))


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard similarity of two sets, given as ascending arrays: what both hold divided by what either holds."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)
