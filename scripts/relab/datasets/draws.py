"""Drawing rows by a seed, classes in proportion; the same on every machine and with every version of NumPy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

#: Random streams of a data set's draws, so that none repeats another.
TEST, VALIDATION, SAMPLE, PARTNERS = range(4)


def random_keys(number: int, seed: int, stream: int = 0) -> np.ndarray:
    """A random key for each of ``number`` rows: raw output of NumPy's PCG64, which no version changes."""
    return np.random.PCG64(np.random.SeedSequence([seed, stream])).random_raw(number)


def stratified_sample(groups: Sequence[Hashable], number: int, keys: np.ndarray) -> np.ndarray:
    """Choose the ``number`` rows with the smallest keys, of each group in proportion to its size (largest remainders).

    Args:
        groups: the group of each row, ``[rows]``.
        number: rows to choose; all of them where there are fewer.
        keys: a key for each row (:func:`random_keys`), ``[rows]``.

    Returns:
        A boolean for each row, true where it is chosen.
    """
    group_index = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    group_of_row = np.array([group_index[group] for group in groups], dtype=np.int64)
    sizes = np.bincount(group_of_row, minlength=len(group_index))
    exact = sizes * (min(number, len(group_of_row)) / max(len(group_of_row), 1))
    quota = np.floor(exact).astype(int)
    remainder = min(number, len(group_of_row)) - int(quota.sum())
    quota[np.argsort(-(exact - quota), kind="stable")[:remainder]] += 1
    chosen = np.zeros(len(group_of_row), bool)
    for index, count in enumerate(quota):
        rows = np.flatnonzero(group_of_row == index)
        chosen[rows[np.argsort(keys[rows], kind="stable")[:count]]] = True
    return chosen
