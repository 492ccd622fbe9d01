"""Whether a mean goes up or down from one setting to another, both measured on the same things (row D5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from relab.chapters.stories.names import lowered, raised
from relab.scores import NAN, score

RESAMPLES = 2000


class Change(NamedTuple):
    """A difference with its 95 % percentile bootstrap interval, and the shares of resamples in which it is above and below 0.

    ``n`` counts the things that are resampled; of one alone there is neither interval nor share.
    """

    value: float
    n: int
    low: float
    high: float
    raised: float
    lowered: float


def change(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    transformed: Callable[[np.ndarray], np.ndarray] = lambda mean: mean,
) -> Change:
    """What a mean over things has become from ``first`` to ``second``.

    Args:
        first: sums and counts ``[things]``; the mean is the sum of sums divided by the sum of counts.
        second: those of the same things in the same order, so that both are resampled together.
        transformed: what of the means is compared, such as their exponentials.
    """
    before, after = (transformed(resampled(*one)) for one in (first, second))
    value, number = float(after[0] - before[0]), len(first[0])
    differences = (after - before)[1:]
    drawn = differences[~np.isnan(differences)]
    if number < 2 or not len(drawn):
        return Change(value, number, NAN, NAN, NAN, NAN)
    return Change(value, number, *interval(drawn), float((drawn > 0).mean()), float((drawn < 0).mean()))


def resampled(sums: Sequence[float], counts: Sequence[float]) -> np.ndarray:
    """The mean over things, then that of each resample of them ``[1 + resamples]``; those of equally many things are paired."""
    number = len(sums)
    weights = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    weights = np.vstack([np.ones(number), weights])
    with np.errstate(invalid="ignore"):  # a resample of texts without any token has no mean
        return (weights @ np.asarray(sums)) / (weights @ np.asarray(counts))


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def change_scores(experiment: str, seed: int, split: str, metric: str, found: Change) -> Iterator[dict[str, Any]]:
    """The rows of a change: the difference, and the two shares of resamples."""
    yield score(experiment, seed, split, metric, found.value, found.n, found.low, found.high)
    yield score(experiment, seed, split, raised(metric), found.raised, found.n)
    yield score(experiment, seed, split, lowered(metric), found.lowered, found.n)
