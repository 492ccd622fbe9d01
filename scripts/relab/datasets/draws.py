"""Which rows are drawn: by seed, classes in proportion, the same on every machine and with every version of NumPy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def keys(number: int, seed: int, stream: int = 0) -> np.ndarray:
    """A random key for each of ``number`` rows: raw output of NumPy's PCG64, which no version changes."""
    return np.random.PCG64(np.random.SeedSequence([seed, stream])).random_raw(number)


def stratified(groups: Sequence[Hashable], number: int, order: np.ndarray) -> np.ndarray:
    """Choose ``number`` rows, of each group in proportion to its size (largest remainders), those with the smallest keys.

    Args:
        groups: what each row belongs to, ``[rows]``.
        number: rows to choose; all of them where there are no more.
        order: the rows' keys, ``[rows]``.

    Returns:
        A boolean for each row, true where it is chosen.
    """
    names = list(dict.fromkeys(groups))
    places = {name: place for place, name in enumerate(names)}
    own = np.array([places[group] for group in groups], dtype=np.int64)
    sizes = np.bincount(own, minlength=len(names))
    exact = sizes * (min(number, len(own)) / max(len(own), 1))
    quota = np.floor(exact).astype(int)
    rest = min(number, len(own)) - int(quota.sum())
    quota[np.argsort(-(exact - quota), kind="stable")[:rest]] += 1
    chosen = np.zeros(len(own), bool)
    for place, count in enumerate(quota):
        rows = np.flatnonzero(own == place)
        chosen[rows[np.argsort(order[rows], kind="stable")[:count]]] = True
    return chosen


def share(number: int, of: float) -> int:
    """How many of ``number`` rows a share of them is, one at least and not all."""
    return min(max(round(of * number), 1), number - 1)
