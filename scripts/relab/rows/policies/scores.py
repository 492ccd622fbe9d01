"""Scores of policies: what their texts get from each scorer, how far they went from the reference, how varied they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relab.metrics.preferences import pair_accuracy
from relab.rows.job import Job
from relab.rows.policies.names import (
    ACCURACY,
    COMMONEST,
    DISTINCT,
    ENDED,
    JUDGED_PREFERRED,
    KL,
    PREFERRED,
    REJECTED,
    SCORERS,
    WORDS,
    Spec,
    wins,
)
from relab.rows.policies.texts import Systems, SystemTexts, read_systems
from relab.scores import score
from relab.statistics import Measurement, difference, units_digest


def score_policies(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    return {"scores": list(policy_scores(spec, read_systems(job.file("measured"), spec)))}


def policy_scores(spec: Spec, systems: Systems) -> Iterator[dict[str, Any]]:
    """All scores of the row."""
    first = next(iter(systems[spec.reference].values()))
    data = units_digest("policies", list(first.frame["row"]), list(first.frame["prompt"]))
    measured = {
        system: {seed: measures(spec, system, texts) for seed, texts in seeds.items()} for system, seeds in systems.items()
    }
    for system, seeds in measured.items():
        for seed, metrics in seeds.items():
            for metric, measurement in metrics.items():
                yield score(spec.experiment(system), seed, spec.split, metric, measurement, data)
    for system in (system for system in measured if system != spec.reference):
        for metric in spec.compared:
            beyond = difference(_of_metric(measured[system], metric), _of_metric(measured[spec.reference], metric))
            yield score(spec.experiment(system, spec.reference), 0, spec.split, metric, beyond, data)
    chosen, rejected = (next(iter(systems[system].values())).frame for system in (PREFERRED, REJECTED))
    for scorer in spec.scorers:
        accuracy = pair_accuracy(chosen[scorer], rejected[scorer], list(chosen["prompt"]))
        yield score(spec.experiment(SCORERS[scorer]), 0, spec.split, ACCURACY, accuracy, data)


def measures(spec: Spec, system: str, texts: SystemTexts) -> dict[str, Measurement]:
    """The scores of one system with one seed by name; the reference has no win rates, human answers no KL divergence."""
    frame = texts.frame
    measured = {scorer: texts.mean(frame[scorer]) for scorer in spec.scorers}
    if system != spec.reference:
        measured |= {wins(scorer): texts.mean(frame[f"{scorer}_wins"], "share") for scorer in spec.scorers}
    if spec.judge:
        measured[JUDGED_PREFERRED] = texts.mean(frame["judged_preferred"], "share")
    if frame["log_ratio"].notna().all():
        measured[KL] = texts.mean(frame["log_ratio"])
        measured[ENDED] = texts.mean(frame["ended"].astype(float), "share")
    measured[DISTINCT] = texts.distinct_two()
    measured[WORDS] = texts.mean([len(words) for words in texts.words])
    (phrase, _), *_ = texts.phrases().most_common(1) or [((), 0)]
    measured[COMMONEST] = texts.with_phrase(phrase)
    return measured


def _of_metric(seeds: Mapping[int, Mapping[str, Measurement]], metric: str) -> dict[int, Measurement]:
    return {seed: metrics[metric] for seed, metrics in seeds.items()}
