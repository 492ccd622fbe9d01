"""Scores of targets: each metric of each system and baseline over the pairs, and what each has beyond one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relab.rows.job import Job
from relab.rows.shared.systems import p_value
from relab.rows.targets.names import Spec
from relab.rows.targets.outputs import Written, measure_systems, read_outputs
from relab.scores import score
from relab.statistics import NAN, Measurement, difference, paired_change, randomisation_p


def score_targets(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    pairs, written = read_outputs(job, spec)
    return {"scores": list(target_scores(spec, written, pairs.items))}


def target_scores(spec: Spec, written: Mapping[str, Written], data: str) -> Iterator[dict[str, Any]]:
    """All scores; ``data`` is a digest of the pairs."""
    measured = {name: system.scores for name, system in measure_systems(spec, written).items()}
    for name, metrics in measured.items():
        for metric, measurement in metrics.items():
            yield score(spec.experiment(name), written[name].seed, spec.split, metric, measurement, data)
    for name in spec.compared:
        experiment = spec.experiment(name, spec.compared_with)
        for metric in spec.metrics:
            system, other = measured[name][metric], measured[spec.compared_with][metric]
            yield score(experiment, 0, spec.split, metric, difference({0: system}, {0: other}), data)
            p = Measurement.exactly(paired_p(other, system))
            yield score(experiment, 0, spec.split, p_value(metric), p, data)


def paired_p(first: Measurement, second: Measurement) -> float:
    """The two-sided p-value of the difference of two systems on the same pairs; NaN where fewer than two pairs show one."""
    if not first.n or not second.n:
        return NAN
    change = paired_change(first, second)
    counted = change.sums[change.counts > 0]
    return randomisation_p(counted) if len(counted) > 1 else NAN
