"""Scores of judged texts: perplexities and the measures beside them, and accounts of the temperature against the write-up.

Every figure of a source and method is over its texts. Those of one sampling that draw by the same numbers, whatever the
method, are compared text by text. An account of the temperature is compared with the perplexities that the write-up reports,
where it reports them: Kendall's tau over the settings, and the share of the contrasts in which the perplexity, or the entropy
of what is drawn by, goes the reported way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from relab.corpora.storage import documents
from relab.judging.storage import Judgement, Judgements, check_sources, read_judgements
from relab.metrics.copying import CopiedEightGrams, copied_eight_grams
from relab.metrics.diversity import SelfBLEU, distinct_two
from relab.metrics.perplexity import Perplexity, corpus_perplexity, first_tokens
from relab.rows.job import Job
from relab.rows.judged_texts import names
from relab.rows.judged_texts.names import ComparedSetting, Spec, agreement, contrast_label, contrasts, tau
from relab.scores import Row, Summaries, score
from relab.statistics import Estimate, Measurement, paired_change, units_digest
from relab.texts.samples import Texts, read_samplings

#: The metrics of :mod:`relab.metrics` by name, as instances: making one takes a folder.
Metrics = Mapping[str, Any]
METRICS = {names.PERPLEXITY: Perplexity, names.SELF_BLEU: SelfBLEU, names.COPIED: CopiedEightGrams}


def score_texts(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    samplings, judgements = read_samplings(job.files("samples"), spec.samplings), read_judgements(job.file("judgements"))
    check_sources(job.file("judgements"), judgements, samplings, spec.human)
    sampled = {sampling.sampling: sampling for sampling in samplings}
    with tempfile.TemporaryDirectory() as folder:
        metrics = {name: metric(keep_in_memory=True, cache_dir=folder) for name, metric in METRICS.items()}
        rows = list(judged_scores(spec, sampled, judgements, documents(job.file("train")), metrics))
    if spec.settings:
        distributions = Summaries.read(job.file("distributions"))
        rows += account_scores(spec.settings, sampled, judgements, distributions)
    return {"scores": rows}


def judged_scores(
    spec: Spec, sampled: Mapping[str, Texts], judgements: Judgements, training: Iterable[str], metrics: Metrics
) -> Iterator[Row]:
    """The measures of the texts of every source and method.

    Args:
        sampled: the judged samplings by name.
        judgements: of their texts, and of held-out documents.
        training: documents that texts may be copied from, read once.
        metrics: those of :data:`METRICS`.
    """
    copied = copied_eight_grams(training, [judgement.text for judged in judgements.values() for judgement in judged])
    for (source, method), judged in judgements.items():
        data = units_digest(*dict.fromkeys([spec.judge, *(judgement.prompt or judgement.text for judgement in judged)]))
        seed, items = (sampled[source].seed, text_identity(judged)) if source in sampled else (0, "")
        measured = measures(judged, spec.equal_tokens, copied, metrics, items)
        if source in sampled:
            ended = [float(text.ended) for text in sampled[source].methods[method]]
            measured[names.ENDED] = Measurement.of(ended, "text", items, "share")
        for metric, measurement in measured.items():
            yield score(f"{source}/{method}", seed, names.JUDGED, metric, measurement, data)


def text_identity(judged: Sequence[Judgement]) -> str:
    """Which texts these are: whatever the method, those of equal numbers draw by the same random numbers."""
    return units_digest([[judgement.prompt_index, judgement.index] for judgement in judged])


def measures(
    judged: Sequence[Judgement], equal_tokens: int, copied: set, metrics: Metrics, items: str
) -> dict[str, Measurement | Estimate | float]:
    """The measures of the texts of one source and method by name."""
    logprobs, texts = [judgement.logprobs for judgement in judged], [judgement.text for judgement in judged]
    characters = [judgement.characters for judgement in judged]
    perplexity = metrics[names.PERPLEXITY].compute(predictions=logprobs, characters=characters, items=items)
    return {
        names.PERPLEXITY: perplexity["perplexity"],
        names.MEDIAN: perplexity["median"],
        names.BITS: perplexity["bits"],
        names.EQUAL: corpus_perplexity(first_tokens(logprobs, equal_tokens)),
        names.TOKENS: Measurement.of([judgement.tokens for judgement in judged], "text", items),
        names.CUT: Measurement.of([float(judgement.cut) for judgement in judged], "text", items, "share"),
        names.DISTINCT: distinct_two(texts, items),
        names.SELF_BLEU: metrics[names.SELF_BLEU].compute(predictions=texts)["self_bleu"],
        names.COPIED: metrics[names.COPIED].compute(predictions=texts, corpus=copied)["share"],
    }


def account_scores(
    settings: Sequence[ComparedSetting], sampled: Mapping[str, Texts], judgements: Judgements, distributions: Summaries
) -> Iterator[Row]:
    """How judged perplexity changes with the temperature under each account, and how each fits what the write-up reports.

    Raises:
        UserError: no score of the distributions of a setting.
    """
    pairs = contrasts(settings)
    sampling, _ = settings[0].methods[names.RULES[0]]
    seed = sampled[sampling].seed
    for rule in names.RULES:
        texts = {setting.label: judgements[setting.methods[rule]] for setting in settings}
        changes: dict[str, list[float]] = {names.ENTROPY: [], names.PERPLEXITY: []}
        for high, low in pairs:
            experiment = f"{rule}/{contrast_label(high, low)}"
            changes[names.ENTROPY].append(distributions.value(experiment, names.ENTROPY, names.CONTEXTS))
            perplexity = perplexity_change(texts[high.label], texts[low.label])
            changes[names.PERPLEXITY].append(perplexity.value)
            yield score(experiment, seed, names.ACCOUNTS, names.PERPLEXITY, perplexity)
        values = {
            names.ENTROPY: [
                distributions.value(f"{rule}/{setting.label}", names.ENTROPY, names.CONTEXTS) for setting in settings
            ],
            names.PERPLEXITY: [corpus_perplexity([text.logprobs for text in judged]).value for judged in texts.values()],
        }
        if all(setting.reported for setting in settings):
            yield from _fit_scores(rule, seed, settings, values, changes)


def _fit_scores(
    rule: str,
    seed: int,
    settings: Sequence[ComparedSetting],
    values: Mapping[str, Sequence[float]],
    changes: Mapping[str, Sequence[float]],
) -> Iterator[Row]:
    """How an account fits the reported perplexities: by metric, its values at the settings and its changes by contrast."""
    reported = [setting.reported for setting in settings]
    directions = [np.sign(low.reported - high.reported) for high, low in contrasts(settings)]
    for metric in values:
        yield score(rule, seed, names.ACCOUNTS, tau(metric), kendalltau(values[metric], reported).statistic)
        agrees = [float(np.sign(value) == way) for value, way in zip(changes[metric], directions, strict=True)]
        yield score(rule, seed, names.ACCOUNTS, agreement(metric), np.mean(agrees))


def perplexity_change(high: Sequence[Judgement], low: Sequence[Judgement]) -> Measurement:
    """How the judged perplexity changes from one method to another, over the texts that drew by the same numbers."""
    texts = [{(judgement.prompt_index, judgement.index): judgement for judgement in judged} for judged in (high, low)]
    shared = [key for key in texts[0] if key in texts[1]]
    items = units_digest([list(key) for key in shared])
    return paired_change(*(corpus_perplexity([judged[key].logprobs for key in shared], items) for judged in texts))
