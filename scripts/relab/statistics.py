"""Intervals and tests: the only module that computes uncertainty.

A score is measured on **units** (texts, prompts, documents, queries, rows), the largest things that may be taken as
independent, and for one or more **seeds**. Its value is a ratio of two sums over units, such as a mean, or another function of
sums. All intervals are 95 % intervals of Student's t: over units from the influence of each unit on the value (the delta method
or the jackknife; Clopper and Pearson's exact interval where each unit is right or wrong), over seeds from the seeds' values.

With several seeds *and* several units, both sources of variation count. The chance effect of units that varies from seed to
seed is in the seeds' margin already; the effect of the same units on all seeds alike is added in quadrature (the method of
variance estimates recovery, Zou & Donner 2008); and the interval is never narrower than the units' alone. It covers 95 % where
seeds vary as much as units or more, and is conservative where seeds hardly differ.

A bootstrap over two or three seeds covers far less than its nominal level, whatever is resampled below them, so nothing here
resamples but :func:`randomisation_p`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

from relab.files import short_digest
from relab.settings.base import canonical

CONFIDENCE = 0.95

#: Fewer units than this give a rough interval; tables and the ledger show how many there are.
FEW = 20

#: The unit of a value that is counted, not estimated, and so has no uncertainty.
EXACT = "exact"
#: The unit of a score that is known by its seeds' values alone.
SEED = "seed"

NAN = float("nan")

#: What a score is: a mean, a share (its interval ends at 0 and 1), or the exponential of a mean such as a perplexity.
Scale = Literal["mean", "share", "exponential"]


class Estimate(NamedTuple):
    """A value with its 95 % interval (NaN where it is unknown), and the units and seeds that it was measured on."""

    value: float
    low: float
    high: float
    n: int  #: units
    unit: str
    seeds: int

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True)
class Measurement:
    """A score measured with one seed: the sum of ``sums`` divided by the sum of ``counts``, both ``[units]``.

    ``items`` identifies the units: measurements with equal ``items`` are of the same units in the same order, and are compared
    unit by unit. Empty: the units are comparable with no others.
    """

    sums: np.ndarray
    counts: np.ndarray
    unit: str
    items: str = ""
    scale: Scale = "mean"

    @classmethod
    def of(cls, values: Sequence[float], unit: str, items: str = "", scale: Scale = "mean") -> Measurement:
        """The mean of one value per unit; units whose value is NaN are not counted."""
        values = np.asarray(values, dtype=float)
        counted = ~np.isnan(values)
        return cls(np.where(counted, values, 0.0), counted.astype(float), unit, items, scale)

    @classmethod
    def of_groups(
        cls, values: Sequence[float], groups: Sequence[Any], unit: str, items: str = "", scale: Scale = "mean"
    ) -> Measurement:
        """The mean of several values per unit, such as of the texts of each prompt: ``groups`` names each value's unit."""
        single = cls.of(values, unit)
        _, index = np.unique(np.asarray(groups), return_inverse=True)
        sums, counts = (np.bincount(index, weights) for weights in (single.sums, single.counts))
        return cls(sums, counts, unit, items, scale)

    @classmethod
    def of_totals(
        cls, table: np.ndarray, score: Callable[[np.ndarray], float], unit: str, items: str = "", scale: Scale = "mean"
    ) -> Measurement:
        """A function of sums over units, such as BLEU: ``score`` of the totals of ``table [units, columns]``. The influence of
        each unit is what leaving it out changes (the jackknife, Efron & Stein 1981), which suits scores that vary smoothly.
        """
        totals = table.sum(axis=0)
        left_out = np.array([score(totals - row) for row in table])
        return cls.of(score(totals) + (len(table) - 1) * (left_out.mean() - left_out), unit, items, scale)

    @classmethod
    def exactly(cls, value: float) -> Measurement:
        """A value without uncertainty."""
        return cls.of([value], EXACT)

    @classmethod
    def without_units(cls, value: float) -> Measurement:
        """A value without units: only its variation over seeds shows its uncertainty."""
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
        """The number of units that were counted."""
        return int((self.counts > 0).sum())

    def influences(self) -> np.ndarray:
        """The influence of each unit on the value ``[units]``: their standard error is that of the value.

        NaN for units that were not counted.
        """
        counted = self.counts > 0
        influences = np.full(len(self.sums), NAN)
        influences[counted] = (self.sums - self.mean * self.counts)[counted] / self.counts[counted].mean()
        return influences * self.slope

    @property
    def slope(self) -> float:
        """The derivative of the value by the mean."""
        return self.value if self.scale == "exponential" else 1.0

    @property
    def right_or_wrong(self) -> bool:
        """Whether each unit counts once and is either right or wrong."""
        counted = self.counts > 0
        return self.scale == "share" and bool(np.isin(self.sums, (0, 1)).all() and (self.counts[counted] == 1).all())


#: The measurements of one score by seed.
Seeds = Mapping[int, Measurement]


def units_digest(*parts: Any) -> str:
    """A digest that identifies the measured units, from whatever names them, such as prompts or documents."""
    return short_digest(canonical(list(parts)))


def estimate(seeds: Seeds) -> Estimate:
    """The mean of a score over seeds, with an interval over seeds and units. Seeds without a value are left out."""
    measured = _measured(seeds)
    if not measured:
        return Estimate(NAN, NAN, NAN, 0, next((measurement.unit for measurement in seeds.values()), SEED), 0)
    mean = float(np.mean([measurement.mean for measurement in measured]))
    below, above = _margins_of_mean(measured)
    low, high = mean - below, mean + above
    if measured[0].scale == "exponential":
        mean, low, high = (float(np.exp(end)) for end in (mean, low, high))
    elif measured[0].scale == "share":
        low, high = max(low, min(0.0, mean)), min(high, max(1.0, mean))
    return Estimate(mean, low, high, *_unit_count(measured), len(measured))


def difference(first: Seeds, second: Seeds) -> Estimate:
    """By how much the first score exceeds the second, with its interval, paired by equal seeds and by the same units."""
    left, right = _measured(first), _measured(second)
    if not left or not right:
        return Estimate(NAN, NAN, NAN, 0, SEED, 0)
    if set(first) == set(second) and len(left) == len(right) == len(first):
        left, right = ([seeds[seed] for seed in sorted(first)] for seeds in (first, second))
        margin = _margin_of_pairs(left, right)
    else:
        margin = _margin_of_groups(left, right)
    value = float(np.mean([measurement.value for measurement in left]) - np.mean([measurement.value for measurement in right]))
    n, unit = min(_unit_count(left), _unit_count(right))
    return Estimate(value, value - margin, value + margin, n, unit, max(len(left), len(right)))


def paired_change(first: Measurement, second: Measurement) -> Measurement:
    """By how much the second score exceeds the first, as a measurement on the same units.

    Raises:
        ValueError: other units.
    """
    if first.items != second.items or len(first.sums) != len(second.sums):
        raise ValueError("expected two measurements of the same units")
    influences = _difference_influences(second.influences(), first.influences())
    return Measurement.of(second.value - first.value + influences, first.unit, first.items)


def average(measurements: Sequence[Measurement]) -> Measurement:
    """The mean of several scores of the same units, such as F1 of all classes, as a measurement."""
    value = float(np.mean([measurement.value for measurement in measurements]))
    influences = _mean_influences([measurement.influences() for measurement in measurements])
    return Measurement.of(value + influences, measurements[0].unit, measurements[0].items, measurements[0].scale)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median of ``[units]`` and the ends of its exact, distribution-free 95 % interval (Conover 1999); NaN for an end that
    fewer than six units do not determine.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return NAN, NAN, NAN
    from scipy.stats import quantile_test  # takes a second to load, and few jobs need it

    interval = quantile_test(values, q=0, p=0.5).confidence_interval(CONFIDENCE)
    return float(np.median(values)), float(interval.low), float(interval.high)


def randomisation_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the mean of paired differences ``[units]`` by the paired randomisation test.

    How often a mean as large arises when the two systems are exchanged at random (Smucker, Allan & Carterette 2007): over all
    exchanges if there are no more than 9,999, else over 9,999 of them, drawn with a fixed seed.
    """
    from scipy.stats import permutation_test

    test = permutation_test(
        (np.asarray(differences, dtype=float),), lambda values, axis: values.mean(axis), permutation_type="samples",
        vectorized=True, n_resamples=9999, batch=1000, rng=0,
    )  # fmt: skip
    return float(test.pvalue)


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation without NaN; NaN for fewer than two values."""
    present = [value for value in values if not math.isnan(value)]
    return float(np.std(present, ddof=1)) if len(present) > 1 else NAN


def plural(unit: str) -> str:
    """The plural of a unit: queries, texts."""
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"


def _measured(seeds: Seeds) -> list[Measurement]:
    return [measurement for measurement in seeds.values() if not math.isnan(measurement.mean)]


def _unit_count(measured: Sequence[Measurement]) -> tuple[int, str]:
    """The number of units over all seeds, the same ones counted once, and the unit's name."""
    unit = measured[0].unit
    if unit in (EXACT, SEED):
        return len(measured), unit
    return (measured[0].n if _same_items(measured) else sum(measurement.n for measurement in measured)), unit


def _same_items(measured: Sequence[Measurement]) -> bool:
    first = measured[0]
    return all(measurement.items == first.items != "" and len(measurement.sums) == len(first.sums) for measurement in measured)


def _margins_of_mean(measured: Sequence[Measurement]) -> tuple[float, float]:
    """The lower and upper margin of the mean over seeds."""
    first = measured[0]
    if len(measured) == 1 and first.unit == EXACT:
        return 0.0, 0.0
    n, means = _unit_count(measured)[0], [measurement.mean for measurement in measured]
    if first.scale == "share" and n > 1 and set(means) in ({0.0}, {1.0}):  # what never varied so far may still vary
        return _exact_margins(round(first.mean) * n, n)
    alike = all(np.array_equal(measurement.sums, first.sums) for measurement in measured)
    if first.right_or_wrong and first.n > 1 and (len(measured) == 1 or (_same_items(measured) and alike)):
        return _exact_margins(int(first.sums.sum()), first.n)
    # on the logarithm for an exponential, whose interval is the exponential of the logarithm's
    influences = [measurement.influences() / measurement.slope for measurement in measured]
    margin = _margin(means, influences, _same_items(measured))
    return margin, margin


def _margin_of_pairs(left: Sequence[Measurement], right: Sequence[Measurement]) -> float:
    """The margin of a difference paired by seeds, and by units where both scores have the same ones."""
    changes = [a.value - b.value for a, b in zip(left, right, strict=True)]
    if all(_same_items(pair) for pair in zip(left, right, strict=True)):
        influences = [_difference_influences(a.influences(), b.influences()) for a, b in zip(left, right, strict=True)]
        return _margin(changes, influences, _same_items([*left, *right]))
    units = _quadrature(*map(_units_margin, (left, right)))
    return units if len(changes) == 1 else max(_seed_margin(changes), 0.0 if math.isnan(units) else units)


def _margin_of_groups(left: Sequence[Measurement], right: Sequence[Measurement]) -> float:
    """The margin of a difference between scores of different seeds, such as of a model and a baseline without seeds."""
    seeds = [_seed_margin([measurement.value for measurement in side]) for side in (left, right)]
    if _same_items([*left, *right]):
        means = [_mean_influences([measurement.influences() for measurement in side]) for side in (left, right)]
        return _quadrature(*seeds, _t_margin([_difference_influences(*means)], True))
    units = [_units_margin(side) for side in (left, right)]
    # with several seeds their values alone may give a margin
    margins = [0.0 if math.isnan(unit) and len(side) > 1 else unit for unit, side in zip(units, (left, right), strict=True)]
    return _quadrature(*map(max, margins, seeds))


def _units_margin(side: Sequence[Measurement]) -> float:
    if side[0].unit == EXACT:
        return 0.0
    return _t_margin([measurement.influences() for measurement in side], _same_items(side))


def _difference_influences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The influence of each unit on the difference of two scores, from that on each; NaN for units that neither counted."""
    first, second = _on_shared_units([first, second])
    return first - second


def _margin(values: Sequence[float], influences: Sequence[np.ndarray], same_items: bool) -> float:
    """The margin of a mean over seeds from their values and the units' influences; NaN where neither gives one.

    The larger of the units' margin alone and that of the seeds with the common effect of the same units.
    """
    units = _t_margin(influences, same_items)
    if len(values) == 1:
        return units
    seeds = _seed_margin(values)
    if math.isnan(units):
        return seeds
    return max(units, _quadrature(seeds, _common_margin(influences) if same_items else 0.0))


def _seed_margin(values: Sequence[float]) -> float:
    """Half of the t interval of the mean over seeds; 0 for one seed, which says nothing of others."""
    if len(values) < 2:
        return 0.0
    return _t(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _t_margin(influences: Sequence[np.ndarray], same_items: bool) -> float:
    """Half of the t interval of a mean over seeds from the units' influences; NaN for fewer than two units.

    The influences of the same units are averaged over seeds; different units are a sample for each seed.
    """
    samples = [_mean_influences(influences)] if same_items else list(influences)
    samples = [sample[~np.isnan(sample)] for sample in samples]
    if any(len(sample) < 2 for sample in samples):
        return NAN
    variance = sum(_variance(sample) / len(sample) for sample in samples)
    return _t(sum(len(sample) - 1 for sample in samples)) * math.sqrt(variance) / len(samples)


def _common_margin(influences: Sequence[np.ndarray]) -> float:
    """Half of the t interval for the effect of the same units on all seeds alike: the units' variance component in a two-way
    analysis of variance without replication.
    """
    means = _mean_influences(influences)
    counted = ~np.isnan(means)
    rest = (_on_shared_units(influences) - means)[:, counted]
    units, seeds = int(counted.sum()), len(influences)
    left = _variance(means[counted]) - float((rest**2).sum()) / ((seeds - 1) * (units - 1) * seeds)
    return _t(units - 1) * math.sqrt(max(left, 0.0) / units)


def _mean_influences(influences: Sequence[np.ndarray]) -> np.ndarray:
    """The influence of each unit on the mean of several scores ``[units]``; NaN for units that none counted."""
    return _on_shared_units(influences).mean(axis=0)


def _on_shared_units(influences: Sequence[np.ndarray]) -> np.ndarray:
    """Influences on several scores ``[scores, units]``, rescaled to all units that any of the scores counted.

    A unit that a score did not count has no influence on it; the fewer units it counted, the larger is their influence.
    """
    stacked = np.array(influences)
    known = ~np.isnan(stacked)
    counted = known.any(axis=0)
    scaled = np.nan_to_num(stacked) * (counted.sum() / np.maximum(known.sum(axis=1, keepdims=True), 1))
    return np.where(counted, scaled, NAN)


def _variance(influences: np.ndarray) -> float:
    """The sample variance of influences, whose mean is 0 by construction."""
    return float((influences**2).sum() / (len(influences) - 1))


def _exact_margins(right: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(right, n).proportion_ci(CONFIDENCE, method="exact")
    return right / n - float(interval.low), float(interval.high) - right / n


def _quadrature(*margins: float) -> float:
    return math.sqrt(sum(margin**2 for margin in margins))


@cache
def _t(freedom: int) -> float:
    """The two-sided quantile of Student's t."""
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
