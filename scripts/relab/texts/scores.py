"""Scores of sampled texts: measures of each method, and each method beside each other one on the same prompts.

Experiments are ``{sampling}/{method}`` and ``{sampling}/{method} − {other method}``; the split is ``texts``. The unit is the
prompt with all of its texts, which are alike; with one prompt there is no interval.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from relab.metrics import Metric
from relab.metrics.repetition import DistinctTwoGrams, RepeatedFourGrams
from relab.scores import score
from relab.statistics import Measurement, units_digest
from relab.texts.measures import AS_LIKELY, DISTINCT, ENDED, LOGPROB, MEASURES, REPEATED, SAME, SPLIT
from relab.texts.samples import Text, Texts

#: The measures whose differences between two methods are scored.
COMPARED = (REPEATED, DISTINCT, LOGPROB)

Metrics = Mapping[str, Metric]


def text_scores(samplings: Iterable[Texts]) -> Iterator[dict[str, Any]]:
    """All scores of some samplings. Their data is the prompts: other prompts, other scores."""
    with repetition() as metrics:
        for sampled in samplings:
            data = units_digest(*sampled.prompts)
            yield from method_scores(sampled, metrics, data)
            yield from pair_scores(sampled, data)


@contextmanager
def repetition() -> Iterator[Metrics]:
    """The two metrics of repetition by name; what they keep on disk is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {REPEATED: RepeatedFourGrams, DISTINCT: DistinctTwoGrams}
        yield {name: metric(keep_in_memory=True, cache_dir=folder) for name, metric in kinds.items()}


def method_scores(sampled: Texts, metrics: Metrics, data: str) -> Iterator[dict[str, Any]]:
    """Every measure of every method: the mean over its texts that are long enough to have a value, prompt by prompt."""
    for method, texts in sampled.methods.items():
        prompts = [text.prompt_index for text in texts]
        for name, measure in MEASURES.items():
            if name in metrics:
                tokens = [text.tokens for text in texts]
                measured = metrics[name].compute(predictions=tokens, prompts=prompts, items=data)["share"]
            else:
                scale = "share" if name == ENDED else "mean"
                measured = Measurement.of_groups([measure(text) for text in texts], prompts, "prompt", data, scale)
            yield score(f"{sampled.sampling}/{method}", sampled.seed, SPLIT, name, measured, data)


def pair_scores(sampled: Texts, data: str) -> Iterator[dict[str, Any]]:
    """Every method beside every other one, prompt by prompt, each the mean over its texts.

    Differences of measures, the first method's less the second's; and two shares of prompts
    (:data:`relab.texts.measures.SAME` and :data:`~relab.texts.measures.AS_LIKELY`).
    """
    means = {method: {name: _by_prompt(texts, name) for name in COMPARED} for method, texts in sampled.methods.items()}
    tokens = {method: _tokens(texts) for method, texts in sampled.methods.items()}
    for first, second in itertools.permutations(sampled.methods, 2):
        pairs = list(zip(tokens[first], tokens[second], strict=True))
        same = np.array([float(texts[0] == others[0]) for texts, others in pairs])
        differences = {name: means[first][name] - means[second][name] for name in COMPARED}
        likely = _as_likely(differences[LOGPROB], [texts == others for texts, others in pairs])
        measured = {name: Measurement.of(values, "prompt", data) for name, values in differences.items()}
        for name, values in ((SAME, same), (AS_LIKELY, likely)):
            measured[name] = Measurement.of(values, "prompt", data, "share")
        for name, measurement in measured.items():
            yield score(f"{sampled.sampling}/{first} − {second}", sampled.seed, SPLIT, name, measurement, data)


def _by_prompt(texts: Sequence[Text], measure: str) -> np.ndarray:
    """The mean of a measure over the texts of each prompt, in the order of prompts; NaN where none has a value."""
    groups = itertools.groupby(texts, key=lambda text: text.prompt_index)
    values = [[MEASURES[measure](text) for text in group] for _, group in groups]
    return np.array([np.mean([value for value in of_prompt if value == value] or np.nan) for of_prompt in values])


def _tokens(texts: Sequence[Text]) -> list[list[list[int]]]:
    """The token ids of the texts of each prompt, in the order of prompts."""
    groups = itertools.groupby(texts, key=lambda text: text.prompt_index)
    return [[text.token_ids for text in group] for _, group in groups]


def _as_likely(differences: np.ndarray, same: Sequence[bool]) -> np.ndarray:
    """1 where a difference of log-probabilities is not negative, or the texts are the same: then it is rounding alone."""
    return np.where(np.isnan(differences), np.nan, ((differences >= 0) | np.array(same)).astype(float))
