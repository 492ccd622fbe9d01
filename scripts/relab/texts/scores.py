"""Scores of sampled texts: measures of each method, and each method beside each other one on the same prompts.

Experiments are ``{sampling}/{method}`` and ``{sampling}/{method} − {other method}``; the split is ``texts``. Intervals are 95 %
bootstrap intervals over prompts, each drawn with all of its texts; with one prompt there is none.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from relab.metrics import Metric
from relab.metrics.repetition import DistinctTwoGrams, RepeatedFourGrams, mean_over_prompts
from relab.scores import score
from relab.settings.base import canonical
from relab.texts.measures import AS_LIKELY, DISTINCT, LOGPROB, MEASURES, REPEATED, SAME, SPLIT
from relab.texts.samples import Text, Texts

#: The measures whose differences between two methods are scored.
COMPARED = (REPEATED, DISTINCT, LOGPROB)

Metrics = Mapping[str, Metric]


def text_scores(samplings: Iterable[Texts]) -> Iterator[dict[str, Any]]:
    """All scores of some samplings. Their data is the prompts: other prompts, other scores."""
    with repetition() as metrics:
        for one in samplings:
            data = hashlib.sha256(canonical(one.prompts).encode()).hexdigest()[:12]
            for row in itertools.chain(method_scores(one, metrics), pair_scores(one)):
                yield {**row, "data": data}


@contextmanager
def repetition() -> Iterator[Metrics]:
    """The two metrics of repetition by name; what they keep on disk is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {REPEATED: RepeatedFourGrams, DISTINCT: DistinctTwoGrams}
        yield {name: metric(keep_in_memory=True, cache_dir=folder) for name, metric in kinds.items()}


def method_scores(one: Texts, metrics: Metrics) -> Iterator[dict[str, Any]]:
    """Every measure of every method: the mean over its texts; ``n`` texts that are long enough to have a value."""
    for method, texts in one.methods.items():
        prompts = [text.prompt_index for text in texts]
        for name, measure in MEASURES.items():
            if name in metrics:
                found = metrics[name].compute(predictions=[text.tokens for text in texts], prompts=prompts)
                value, n, low, high = (found[key] for key in ("value", "n", "low", "high"))
            else:
                value, n, low, high = mean_over_prompts([measure(text) for text in texts], prompts)
            yield score(f"{one.sampling}/{method}", one.seed, SPLIT, name, value, n, low, high)


def pair_scores(one: Texts) -> Iterator[dict[str, Any]]:
    """Every method beside every other one, prompt by prompt: ``n`` prompts, each the mean over its texts.

    Differences of measures, the first method's less the other's; and two shares of prompts
    (:data:`relab.texts.measures.SAME` and :data:`~relab.texts.measures.AS_LIKELY`).
    """
    means = {method: {name: _by_prompt(texts, name) for name in COMPARED} for method, texts in one.methods.items()}
    tokens = {method: _tokens(texts) for method, texts in one.methods.items()}
    for first, other in itertools.permutations(one.methods, 2):
        compared = {name: means[first][name] - means[other][name] for name in COMPARED}
        pairs = list(zip(tokens[first], tokens[other], strict=True))
        compared[SAME] = np.array([float(own[0] == others[0]) for own, others in pairs])
        compared[AS_LIKELY] = _as_likely(compared[LOGPROB], [own == others for own, others in pairs])
        for name, values in compared.items():
            value, n, low, high = mean_over_prompts(values, range(len(values)))
            yield score(f"{one.sampling}/{first} − {other}", one.seed, SPLIT, name, value, n, low, high)


def _by_prompt(texts: Sequence[Text], measure: str) -> np.ndarray:
    """The mean of a measure over the texts of each prompt, in the order of prompts; NaN where none has a value."""
    groups = itertools.groupby(texts, key=lambda text: text.prompt_index)
    values = [[MEASURES[measure](text) for text in group] for _, group in groups]
    return np.array([np.mean([value for value in own if value == value] or np.nan) for own in values])


def _tokens(texts: Sequence[Text]) -> list[list[list[int]]]:
    """The token ids of the texts of each prompt, in the order of prompts."""
    groups = itertools.groupby(texts, key=lambda text: text.prompt_index)
    return [[text.token_ids for text in group] for _, group in groups]


def _as_likely(differences: np.ndarray, same: Sequence[bool]) -> np.ndarray:
    """1 where a difference of log-probabilities is not negative, or the texts are the same: then it is rounding alone."""
    return np.where(np.isnan(differences), np.nan, ((differences >= 0) | np.array(same)).astype(float))
