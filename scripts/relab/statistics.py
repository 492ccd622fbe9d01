"""Intervals and tests: the one place where uncertainty is computed.

A score is measured on **units** (texts, prompts, documents, queries, rows), the largest things that may be taken as
independent, and for one or more **seeds**. Its value is a ratio of two sums over units, which a mean is too. All intervals are
95 % intervals of Student's t: over units from the residuals of the ratio (the delta method; Clopper and Pearson's exact
interval where each unit is right or wrong), over seeds from the seeds' values.

Where there are several seeds *and* several units, neither source hides the other. What units do to the seeds' values by chance
varies from seed to seed, and so is in the seeds' margin already; what the same units do to all seeds alike is added to it in
quadrature (the method of variance estimates recovery, Zou & Donner 2008); and the interval is never narrower than the units'
alone. It holds 95 % where seeds vary as units do or more, and is wider than it need be where seeds hardly differ.

A bootstrap over two or three seeds covers far less than it says, whatever is resampled below them, so nothing here resamples
but :func:`randomisation_p`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

from relab.settings.base import canonical

CONFIDENCE = 0.95

#: Fewer units than this make a rough interval; tables and the ledger say how many there are.
FEW = 20

#: The unit of a value that was counted, not estimated: of all there is, or by definition.
EXACT = "exact"
#: The unit of a score that is known by its seeds' values alone.
SEED = "seed"

NAN = float("nan")

#: What a score is: a mean, a share (its interval ends at 0 and 1), or the exponential of a mean such as a perplexity.
Scale = Literal["mean", "share", "exponential"]


class Estimate(NamedTuple):
    """A value with its 95 % interval (NaN where nothing tells how far it may be off), and what it was measured on."""

    value: float
    low: float
    high: float
    n: int  #: units
    unit: str
    seeds: int

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True)
class Measurement:
    """What was measured with one seed: the sum of ``sums`` divided by the sum of ``counts``, both ``[units]``.

    ``items`` tells which units these are: measurements of equal ``items`` are of the same units in the same order, and are
    compared unit by unit. Empty: units of their own.
    """

    sums: np.ndarray
    counts: np.ndarray
    unit: str
    items: str = ""
    scale: Scale = "mean"

    @classmethod
    def of(cls, values: Sequence[float], unit: str, items: str = "", scale: Scale = "mean") -> Measurement:
        """The mean of a value a unit; NaN where a unit has none, which is not counted."""
        values = np.asarray(values, dtype=float)
        counted = ~np.isnan(values)
        return cls(np.where(counted, values, 0.0), counted.astype(float), unit, items, scale)

    @classmethod
    def of_groups(
        cls, values: Sequence[float], groups: Sequence[Any], unit: str, items: str = "", scale: Scale = "mean"
    ) -> Measurement:
        """The mean of several values a unit, such as of the texts of each prompt: ``groups`` names the unit of each value."""
        single = cls.of(values, unit)
        _, index = np.unique(np.asarray(groups), return_inverse=True)
        sums, counts = (np.bincount(index, weights) for weights in (single.sums, single.counts))
        return cls(sums, counts, unit, items, scale)

    @classmethod
    def exactly(cls, value: float) -> Measurement:
        """A value without uncertainty."""
        return cls.of([value], EXACT)

    @classmethod
    def alone(cls, value: float) -> Measurement:
        """A value of which nothing but its change from seed to seed tells how far it may be off."""
        return cls.of([value], SEED)

    @property
    def mean(self) -> float:
        """The ratio of the sums; NaN where nothing was counted."""
        total = self.counts.sum()
        return float(self.sums.sum() / total) if total else NAN

    @property
    def value(self) -> float:
        """The score: the mean, or its exponential."""
        return math.exp(self.mean) if self.scale == "exponential" else self.mean

    @property
    def n(self) -> int:
        """Units that were counted."""
        return int((self.counts > 0).sum())

    def pulls(self) -> np.ndarray:
        """How far each unit pulls the value away from what it is ``[units]``: their standard error is that of the value.

        NaN for units that were not counted.
        """
        counted = self.counts > 0
        found = np.full(len(self.sums), NAN)
        found[counted] = (self.sums - self.mean * self.counts)[counted] / self.counts[counted].mean()
        return found * self.slope

    @property
    def slope(self) -> float:
        """By how much the value changes with the mean."""
        return self.value if self.scale == "exponential" else 1.0

    @property
    def right_or_wrong(self) -> bool:
        """Whether each unit is right or wrong, once."""
        counted = self.counts > 0
        return self.scale == "share" and bool(np.isin(self.sums, (0, 1)).all() and (self.counts[counted] == 1).all())


#: The measurements of one score by seed.
Seeds = Mapping[int, Measurement]


def identity(*parts: Any) -> str:
    """What tells which units were measured: a digest of whatever names them, such as prompts or documents."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()[:12]


def estimate(seeds: Seeds) -> Estimate:
    """The mean over seeds of a score, with an interval over seeds and units. Seeds without a value are left out."""
    known = _known(seeds)
    if not known:
        return Estimate(NAN, NAN, NAN, 0, next((one.unit for one in seeds.values()), SEED), 0)
    mean = float(np.mean([one.mean for one in known]))
    below, above = _margins_of_mean(known)
    low, high = mean - below, mean + above
    if known[0].scale == "exponential":
        mean, low, high = (float(np.exp(end)) for end in (mean, low, high))
    elif known[0].scale == "share":
        low, high = max(low, min(0.0, mean)), min(high, max(1.0, mean))
    return Estimate(mean, low, high, *_units(known), len(known))


def difference(first: Seeds, second: Seeds) -> Estimate:
    """By how much the first score exceeds the second, with its interval: seeds of equal numbers are compared with each other,
    and so are the same units.
    """
    one, other = _known(first), _known(second)
    if not one or not other:
        return Estimate(NAN, NAN, NAN, 0, SEED, 0)
    if set(first) == set(second) and len(one) == len(other) == len(first):
        one, other = ([seeds[seed] for seed in sorted(first)] for seeds in (first, second))
        margin = _margin_of_pairs(one, other)
    else:
        margin = _margin_of_groups(one, other)
    value = float(np.mean([each.value for each in one]) - np.mean([each.value for each in other]))
    n, unit = min(_units(one), _units(other))
    return Estimate(value, value - margin, value + margin, n, unit, max(len(one), len(other)))


def change(first: Measurement, second: Measurement) -> Measurement:
    """How much the second score exceeds the first, as a measurement of its own on the same units.

    Raises:
        ValueError: other units.
    """
    if first.items != second.items or len(first.sums) != len(second.sums):
        raise ValueError("expected two measurements of the same units")
    return Measurement.of(second.value - first.value + _apart(second.pulls(), first.pulls()), first.unit, first.items)


def average(measurements: Sequence[Measurement]) -> Measurement:
    """The mean of several scores of the same units, such as F1 of all classes, as a measurement of its own."""
    value = float(np.mean([one.value for one in measurements]))
    pulls = _mean_of_pulls([one.pulls() for one in measurements])
    return Measurement.of(value + pulls, measurements[0].unit, measurements[0].items, measurements[0].scale)


def median(values: Sequence[float]) -> tuple[float, float, float]:
    """The median of ``[units]`` and its exact 95 % interval, which no distribution need be assumed for (Conover 1999);
    NaN for what fewer than six units leave open.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return NAN, NAN, NAN
    from scipy.stats import quantile_test  # takes a second to load, and few jobs need it

    found = quantile_test(values, q=0, p=0.5).confidence_interval(CONFIDENCE)
    return float(np.median(values)), float(found.low), float(found.high)


def randomisation_p(differences: Sequence[float], draws: int = 9999) -> float:
    """Two-sided p-value of a mean difference ``[units]``: how often one as large comes of exchanging two systems by chance.

    The paired randomisation test (Smucker, Allan & Carterette 2007): all exchanges where there are no more than ``draws``, else
    so many drawn with a fixed seed.
    """
    from scipy.stats import permutation_test

    found = permutation_test(
        (np.asarray(differences, dtype=float),), lambda values, axis: values.mean(axis), permutation_type="samples",
        vectorized=True, n_resamples=draws, batch=1000, rng=0,
    )  # fmt: skip
    return float(found.pvalue)


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation, a description of how far values lie apart; NaN for fewer than two."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else NAN


def plural(unit: str) -> str:
    """Several of a unit: queries, texts."""
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"


def _known(seeds: Seeds) -> list[Measurement]:
    return [one for one in seeds.values() if not math.isnan(one.mean)]


def _units(known: Sequence[Measurement]) -> tuple[int, str]:
    """How many units all seeds have, the same ones counted once, and what they are."""
    unit = known[0].unit
    if unit in (EXACT, SEED):
        return len(known), unit
    return (known[0].n if _same_items(known) else sum(one.n for one in known)), unit


def _same_items(known: Sequence[Measurement]) -> bool:
    first = known[0]
    return all(one.items == first.items != "" and len(one.sums) == len(first.sums) for one in known)


def _margins_of_mean(known: Sequence[Measurement]) -> tuple[float, float]:
    """How far the mean over seeds may lie below and above what was measured."""
    first = known[0]
    if len(known) == 1 and first.unit == EXACT:
        return 0.0, 0.0
    n = _units(known)[0]
    if first.scale == "share" and n > 1 and {one.mean for one in known} in ({0.0}, {1.0}):  # what never varied may do so yet
        return _exact_margins(round(first.mean) * n, n)
    alike = all(np.array_equal(one.sums, first.sums) for one in known)
    if first.right_or_wrong and first.n > 1 and (len(known) == 1 or (_same_items(known) and alike)):
        return _exact_margins(int(first.sums.sum()), first.n)
    # on the logarithm for an exponential, whose interval is the exponential of the logarithm's
    margin = _margin([one.mean for one in known], [one.pulls() / one.slope for one in known], _same_items(known))
    return margin, margin


def _margin_of_pairs(one: Sequence[Measurement], other: Sequence[Measurement]) -> float:
    """The margin of a difference, seed by seed; units are compared where both scores have the same ones."""
    changes = [left.value - right.value for left, right in zip(one, other, strict=True)]
    if all(_same_items(pair) for pair in zip(one, other, strict=True)):
        pulls = [_apart(left.pulls(), right.pulls()) for left, right in zip(one, other, strict=True)]
        return _margin(changes, pulls, _same_items([*one, *other]))
    units = _quadrature(*map(_units_margin, (one, other)))
    return units if len(changes) == 1 else max(_seed_margin(changes), 0.0 if math.isnan(units) else units)


def _margin_of_groups(one: Sequence[Measurement], other: Sequence[Measurement]) -> float:
    """The margin of a difference between scores of other seeds, such as of a model and of a baseline without any."""
    seeds = [_seed_margin([each.value for each in side]) for side in (one, other)]
    if _same_items([*one, *other]):
        means = [_mean_of_pulls([each.pulls() for each in side]) for side in (one, other)]
        return _quadrature(*seeds, _t_margin([_apart(*means)], True))
    units = [_units_margin(side) for side in (one, other)]
    # of several seeds their values alone may tell
    known = [0.0 if math.isnan(margin) and len(side) > 1 else margin for margin, side in zip(units, (one, other), strict=True)]
    return _quadrature(*map(max, known, seeds))


def _units_margin(side: Sequence[Measurement]) -> float:
    if side[0].unit == EXACT:
        return 0.0
    return _t_margin([each.pulls() for each in side], _same_items(side))


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far each unit pulls the difference of two scores, from what it pulls each; NaN for units that neither counted."""
    first, second = _shared([first, second])
    return first - second


def _margin(values: Sequence[float], pulls: Sequence[np.ndarray], same_items: bool) -> float:
    """The margin of a mean over seeds from their values and what the units of each pull; NaN where neither tells.

    The larger of the units' margin alone and that of the seeds with what the same units do to all of them alike.
    """
    units = _t_margin(pulls, same_items)
    if len(values) == 1:
        return units
    seeds = _seed_margin(values)
    if math.isnan(units):
        return seeds
    return max(units, _quadrature(seeds, _common_margin(pulls) if same_items else 0.0))


def _seed_margin(values: Sequence[float]) -> float:
    """Half of the t interval of the mean over seeds; 0 for one seed, which tells nothing of others."""
    if len(values) < 2:
        return 0.0
    return _t(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _t_margin(pulls: Sequence[np.ndarray], same_items: bool) -> float:
    """Half of the t interval of a mean over seeds from what units pull; NaN where there are less than two.

    The same units' pulls are averaged over seeds, unit by unit; other units are a sample for each seed.
    """
    samples = [_mean_of_pulls(pulls)] if same_items else list(pulls)
    samples = [one[~np.isnan(one)] for one in samples]
    if any(len(one) < 2 for one in samples):
        return NAN
    variance = sum(_variance(one) / len(one) for one in samples)
    return _t(sum(len(one) - 1 for one in samples)) * math.sqrt(variance) / len(samples)


def _common_margin(pulls: Sequence[np.ndarray]) -> float:
    """Half of the t interval for what the same units do to all seeds alike: what is left of the units' own mean squares once
    those of units and seeds together are taken away (two-way analysis of variance without replication).
    """
    means = _mean_of_pulls(pulls)
    counted = ~np.isnan(means)
    rest = (_shared(pulls) - means)[:, counted]
    units, seeds = int(counted.sum()), len(pulls)
    left = _variance(means[counted]) - float((rest**2).sum()) / ((seeds - 1) * (units - 1) * seeds)
    return _t(units - 1) * math.sqrt(max(left, 0.0) / units)


def _mean_of_pulls(pulls: Sequence[np.ndarray]) -> np.ndarray:
    """How far each unit pulls the mean of several scores ``[units]``; NaN for units that none counted."""
    return _shared(pulls).mean(axis=0)


def _shared(pulls: Sequence[np.ndarray]) -> np.ndarray:
    """What units pull several scores ``[scores, units]``, as of all units that any of the scores counted.

    A unit that a score did not count pulls it nowhere, and those that it counted pull it the more the fewer they are.
    """
    stacked = np.array(pulls)
    known = ~np.isnan(stacked)
    counted = known.any(axis=0)
    scaled = np.nan_to_num(stacked) * (counted.sum() / np.maximum(known.sum(axis=1, keepdims=True), 1))
    return np.where(counted, scaled, NAN)


def _variance(pulls: np.ndarray) -> float:
    """The sample variance; the mean of what units pull is 0 by its making."""
    return float((pulls**2).sum() / (len(pulls) - 1))


def _exact_margins(right: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(right, n).proportion_ci(CONFIDENCE, method="exact")
    return right / n - float(found.low), float(found.high) - right / n


def _quadrature(*margins: float) -> float:
    return math.sqrt(sum(margin**2 for margin in margins))


@cache
def _t(freedom: int) -> float:
    """The two-sided quantile of Student's t."""
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
