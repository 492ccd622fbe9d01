"""What the metrics dispute: single outputs that they judge differently, and systems whose order they turn round.

Outputs are found by rule among those of the systems, never of baselines; each row says its rule in words. Within a system,
outputs are ranked by each metric's value of the single pair: a value of a pair is no score, and means nothing beyond its rank.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from relab.metrics import generation_names as metric_names
from relab.metrics.error_rates import exact_match
from relab.metrics.generation import Measured
from relab.rows.targets.names import Spec
from relab.rows.targets.outputs import Pairs, Written
from relab.statistics import Estimate, difference

ROUGES = (metric_names.ROUGE_1, metric_names.ROUGE_2, metric_names.ROUGE_L, metric_names.ROUGE_LSUM)
#: Metrics that compare an output with its references by degrees.
GRADED = (metric_names.BLEU, metric_names.CHRF, metric_names.TER, *ROUGES, metric_names.TOKEN_ERRORS)
#: Metrics that say how much of the reference's words an output has, the first known best.
OVERLAP = (metric_names.ROUGE_1, metric_names.ROUGE_L, metric_names.CHRF, metric_names.BLEU)

#: An output is disputed where a metric's rank of it is so far from the middle of the others', as a share of all outputs.
FAR = 1 / 3
#: An output shares much with its reference from this value on.
MUCH = 0.5
#: Outputs that share much with their reference.
SHOWN = 2
#: A system is ahead from this difference on: less would be shown as 0.
LEAST = 0.0005

COLUMNS = ["rule", "system", "row", "source", "reference", "output", "values"]

#: An output: the name of its system, the index of its pair.
Output = tuple[str, int]


def telling_table(spec: Spec, pairs: Pairs, written: Mapping[str, Written], measured: Mapping[str, Measured]) -> pd.DataFrame:
    """Outputs that metrics dispute, a rule's output a row; a rule without such outputs has no row."""
    judged = _Judged(spec, {name: measured[name] for name in spec.order}, {name: written[name] for name in spec.order})
    rows = []
    for rule, (name, pair), metrics in itertools.chain(_disputed(judged), _right_yet_low(judged), _much_yet_wrong(judged)):
        rows.append(
            {
                "rule": rule,
                "system": spec.label(name),
                "row": pairs.rows[pair],
                "source": pairs.sources[pair],
                "reference": "\n".join(pairs.references[pair]),
                "output": written[name].outputs.texts[pair],
                "values": "; ".join(judged.value(metric, name, pair) for metric in metrics),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


class _Judged:
    """The outputs of the systems, by metric: their values, the ranks of these within their system, which of them are right."""

    def __init__(self, spec: Spec, measured: Mapping[str, Measured], written: Mapping[str, Written]):
        self.metrics = [metric for metric in spec.metrics if metric in GRADED]
        self.values = {(metric, name): measured[name].per_pair[metric] for name in measured for metric in self.metrics}
        self.ranks = {key: _ranks(values, key[0]) for key, values in self.values.items()}
        self.right = {name: _right(system) for name, system in written.items()}

    def value(self, metric: str, name: str, pair: int) -> str:
        """The value of an output and its rank, in words."""
        return f"{metric} {self.values[metric, name][pair]:.2f}, rank {self.ranks[metric, name][pair]:g}"

    def outputs(self) -> Iterator[Output]:
        """All outputs."""
        for name, right in self.right.items():
            yield from ((name, pair) for pair in range(len(right)))


def _right(system: Written) -> np.ndarray:
    """Which outputs are a reference ``[pairs]``."""
    return exact_match(system.outputs.texts, system.outputs.references).sums > 0


def _ranks(values: np.ndarray, metric: str) -> np.ndarray:
    """Ranks from 1, the best, with the mean rank for equal values."""
    return rankdata(values if metric in metric_names.LOWER_IS_BETTER else -values)


def _disputed(judged: _Judged) -> Iterator[tuple[str, Output, Sequence[str]]]:
    """For each metric the output that it ranks farthest above where the others' ranks have their middle, and farthest below."""
    for metric in judged.metrics:
        others = [other for other in judged.metrics if other != metric]
        if not others:
            return
        for side, sign in (("above", 1), ("below", -1)):
            gaps = {output: sign * _gap(judged, metric, others, output) for output in judged.outputs()}
            output = max(gaps, key=gaps.__getitem__)
            if gaps[output] >= FAR:
                yield f"{metric} ranks it far {side} the other metrics", output, [metric, *others]


def _gap(judged: _Judged, metric: str, others: Sequence[str], output: Output) -> float:
    """By how much a metric ranks an output above the middle of the others' ranks, as a share of all outputs."""
    name, pair = output
    middle = np.median([judged.ranks[other, name][pair] for other in others])
    return float(middle - judged.ranks[metric, name][pair]) / len(judged.right[name])


def _right_yet_low(judged: _Judged) -> Iterator[tuple[str, Output, Sequence[str]]]:
    """For each metric the output that is a reference, and yet has the worst value of all such ones, short of the best value."""
    for metric in judged.metrics:
        errors = metric in metric_names.LOWER_IS_BETTER
        losses = {
            (name, pair): (judged.values[metric, name][pair] if errors else 1 - judged.values[metric, name][pair])
            for name, pair in judged.outputs()
            if judged.right[name][pair]
        }
        output = max(losses, key=losses.__getitem__, default=None)
        if output is not None and losses[output] > 1e-6:
            yield f"A reference word for word, and yet {metric} is not at its best", output, judged.metrics


def _much_yet_wrong(judged: _Judged) -> Iterator[tuple[str, Output, Sequence[str]]]:
    """The outputs that share most with their reference without being one, each of another pair: do they say the same?"""
    metric = next((metric for metric in OVERLAP if metric in judged.metrics), None)
    if metric is None:
        return
    values = {
        (name, pair): judged.values[metric, name][pair]
        for name, pair in judged.outputs()
        if not judged.right[name][pair] and judged.values[metric, name][pair] >= MUCH
    }
    of_pair: dict[int, Output] = {}
    for name, pair in sorted(values, key=values.__getitem__, reverse=True):
        of_pair.setdefault(pair, (name, pair))
    for output in list(of_pair.values())[:SHOWN]:
        yield f"Among the highest {metric} of outputs that are no reference", output, judged.metrics


def disagreements_table(spec: Spec, measured: Mapping[str, Measured]) -> pd.DataFrame:
    """Two systems a row that some metrics put in one order and others in the other, baselines included.

    ``system_first`` are the metrics that put the first ahead, ``other_first`` those that put the other ahead, each with how far
    and the paired 95 % interval; ``beyond_chance``: on how many sides a metric has an interval without 0. Pairs of
    systems where both sides have one stand first.
    """
    metrics = [metric for metric in spec.metrics if metric in (*GRADED, metric_names.EXACT_MATCH)]
    rows = []
    for first, second in itertools.combinations(measured, 2):
        sides = [_ahead(metrics, measured[a], measured[b]) for a, b in ((first, second), (second, first))]
        if all(sides):
            beyond = [any(lead.low > 0 for lead in side.values()) for side in sides]
            rows.append(
                {
                    "system": spec.label(first),
                    "other": spec.label(second),
                    "system_first": _in_words(sides[0]),
                    "other_first": _in_words(sides[1]),
                    "beyond_chance": ("neither side", "one side", "both sides")[sum(beyond)],
                }
            )
    order = ["both sides", "one side", "neither side"]
    rows.sort(key=lambda row: order.index(row["beyond_chance"]))
    return pd.DataFrame(rows, columns=["system", "other", "system_first", "other_first", "beyond_chance"])


def _ahead(metrics: Sequence[str], system: Measured, other: Measured) -> dict[str, Estimate]:
    """The metrics by which a system is ahead of another one, and how far."""
    leads: dict[str, Any] = {}
    for metric in metrics:
        seeds = [{0: measured.scores[metric]} for measured in (system, other)]
        lead = difference(*(seeds[::-1] if metric in metric_names.LOWER_IS_BETTER else seeds))
        if lead.value >= LEAST:
            leads[metric] = lead
    return leads


def _in_words(leads: Mapping[str, Estimate]) -> str:
    words = [f"{metric} by {lead.value:.3f} [{lead.low:.3f}, {lead.high:.3f}]" for metric, lead in leads.items()]
    return "\n".join(words).replace("[-", "[−").replace(" -", " −")
