"""D3 to D5's scores: judged perplexities and the measures beside them, and accounts of the temperature against the write-up.

Every figure of a source and method is over its texts. Those of one sampling that draw by the same numbers, whatever the
method, are compared text by text. An account of the temperature is compared with the four perplexities that the write-up
reports: Kendall's tau over the settings, and the share of the contrasts in which the perplexity, or the entropy of what is
drawn by, goes the reported way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from relab.chapters.stories.methods import method_of
from relab.chapters.stories.names import (
    ACCOUNTS,
    BITS,
    CONTEXTS,
    COPIED,
    CUT,
    DISTINCT,
    ENDED,
    ENTROPY,
    EQUAL,
    JUDGED,
    MEDIAN,
    PERPLEXITY,
    RULES,
    SELF_BLEU,
    TOKENS,
    StoriesSpec,
    Temperature,
    agreement,
    contrast_label,
    tau,
)
from relab.judging.storage import Judgement, Judgements
from relab.metrics.copying import found_in
from relab.metrics.diversity import distinct_two
from relab.metrics.perplexity import corpus_perplexity, first_tokens
from relab.scores import Summaries, score
from relab.settings.chapters import contrasts
from relab.statistics import Estimate, Measurement, change, identity
from relab.texts.samples import Texts

#: The metrics of :mod:`relab.metrics` by name, as instances: making one takes a folder.
Metrics = Mapping[str, Any]


def stories_scores(
    spec: StoriesSpec,
    samplings: Sequence[Texts],
    judgements: Judgements,
    training: Iterable[str],
    distributions: Summaries,
    metrics: Metrics,
) -> Iterator[dict[str, Any]]:
    """All scores of the chapter.

    Args:
        samplings: the judged samplings, in the order of tables.
        judgements: of their texts, and of held-out documents.
        training: documents that texts may be copied from, read once.
        distributions: the scores of :func:`relab.chapters.stories.distributions.distribution_scores`.
        metrics: :class:`~relab.metrics.perplexity.Perplexity`, :class:`~relab.metrics.diversity.SelfBLEU` and
            :class:`~relab.metrics.copying.CopiedEightGrams` by the names :data:`PERPLEXITY`, :data:`SELF_BLEU`, :data:`COPIED`.

    Raises:
        UserError: no texts of a setting of the comparison of temperatures, no score of its distributions.
    """
    copied = found_in(training, [one.text for own in judgements.values() for one in own])
    sampled = {one.sampling: one for one in samplings}
    for (source, method), own in judgements.items():
        data = identity(*dict.fromkeys([spec.judge, *(one.prompt or one.text for one in own)]))
        seed, items = (sampled[source].seed, drawn_texts(own)) if source in sampled else (0, "")
        measured = judged_scores(own, spec.equal_tokens, copied, metrics, items)
        if source in sampled:
            ended = [float(text.ended) for text in sampled[source].methods[method]]
            measured[ENDED] = Measurement.of(ended, "text", items, "share")
        for metric, found in measured.items():
            yield score(f"{source}/{method}", seed, JUDGED, metric, found, data)
    yield from account_scores(spec.temperature, sampled, judgements, distributions)


def drawn_texts(own: Sequence[Judgement]) -> str:
    """Which texts these are: whatever the method, those of equal numbers draw by the same random numbers."""
    return identity([[one.prompt_index, one.index] for one in own])


def judged_scores(
    own: Sequence[Judgement], equal: int, copied: set, metrics: Metrics, items: str
) -> dict[str, Measurement | Estimate | float]:
    """The measures of the texts of one source and method by name."""
    logprobs, texts = [one.logprobs for one in own], [one.text for one in own]
    characters = [one.characters for one in own]
    judged = metrics[PERPLEXITY].compute(predictions=logprobs, characters=characters, items=items)
    return {
        PERPLEXITY: judged["perplexity"],
        MEDIAN: judged["median"],
        BITS: judged["bits"],
        EQUAL: corpus_perplexity(first_tokens(logprobs, equal)),
        TOKENS: Measurement.of([one.tokens for one in own], "text", items),
        CUT: Measurement.of([float(one.cut) for one in own], "text", items, "share"),
        DISTINCT: distinct_two(texts, items),
        SELF_BLEU: metrics[SELF_BLEU].compute(predictions=texts)["self_bleu"],
        COPIED: metrics[COPIED].compute(predictions=texts, corpus=copied)["share"],
    }


def account_scores(
    temperature: Temperature, sampled: Mapping[str, Texts], judgements: Judgements, distributions: Summaries
) -> Iterator[dict[str, Any]]:
    """How each account of the temperature fits the pattern that the write-up reports."""
    samplings = [sampled[name] for name in temperature.samplings]
    reported = [one.reported for one in temperature.settings]
    ways = [np.sign(low.reported - high.reported) for high, low in contrasts(temperature.settings)]
    seed = samplings[0].seed
    for rule in RULES:
        texts = {one.label: judgements[method_of(one, rule, samplings)] for one in temperature.settings}
        entropies = [distributions.value(f"{rule}/{one.label}", ENTROPY, CONTEXTS) for one in temperature.settings]
        perplexities = [corpus_perplexity([text.logprobs for text in own]).value for own in texts.values()]
        changes: dict[str, list[float]] = {ENTROPY: [], PERPLEXITY: []}
        for high, low in contrasts(temperature.settings):
            experiment = f"{rule}/{contrast_label(high, low)}"
            changes[ENTROPY].append(distributions.value(experiment, ENTROPY, CONTEXTS))
            found = perplexity_change(texts[high.label], texts[low.label])
            changes[PERPLEXITY].append(found.value)
            yield score(experiment, seed, ACCOUNTS, PERPLEXITY, found)
        for metric, values in ((ENTROPY, entropies), (PERPLEXITY, perplexities)):
            yield score(rule, seed, ACCOUNTS, tau(metric), kendalltau(values, reported).statistic)
            agrees = [float(np.sign(value) == way) for value, way in zip(changes[metric], ways, strict=True)]
            yield score(rule, seed, ACCOUNTS, agreement(metric), np.mean(agrees))


def perplexity_change(high: Sequence[Judgement], low: Sequence[Judgement]) -> Measurement:
    """How the judged perplexity changes from one method to another, over the texts that drew by the same numbers."""
    texts = [{(one.prompt_index, one.index): one for one in own} for own in (high, low)]
    shared = [key for key in texts[0] if key in texts[1]]
    items = identity([list(key) for key in shared])
    return change(*(corpus_perplexity([own[key].logprobs for key in shared], items) for own in texts))
