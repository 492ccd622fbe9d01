"""Tables of judged texts: perplexities and how varied texts are, examples, settings and accounts of the temperature.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes. A missing score is a
UserError that names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.errors import UserError
from relab.judging.names import HUMAN
from relab.judging.storage import Judgement, Judgements, check_sources, read_judgements, start_of
from relab.rows.job import Job
from relab.rows.judged_texts import names
from relab.rows.judged_texts.names import ComparedSetting, TableSpec, agreement, contrast_label, contrasts, tau
from relab.scores import Summaries
from relab.texts.arguments import keyword_arguments
from relab.texts.samples import Texts, read_samplings

#: What the table of accounts calls each of them.
TITLES = {
    "divide": "softmax of logits / T",
    "multiply": "softmax of logits × T",
    "ignore": "in proportion to probabilities",
}
#: Notes on texts that the judge itself wrote, and on those of humans.
BY_THE_JUDGE, WITHOUT_PROMPT = "the judge's own text", "without a prompt"
#: Decimals of perplexities, of shares and bits, of entropies, of numbers of tokens.
PERPLEXITIES, SHARES, ENTROPIES, LENGTHS = 2, 3, 3, 1


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(TableSpec)
    samplings, judgements = read_samplings(job.files("samples"), spec.samplings), read_judgements(job.file("judgements"))
    check_sources(job.file("judgements"), judgements, samplings, spec.human)
    scores = Summaries.read(job.file("scores"))
    tables = {
        "grid": grid_table(spec, samplings, scores, judgements),
        "diversity": diversity_table(spec, samplings, scores),
        "examples": examples_table(spec, samplings, judgements),
    }
    if spec.settings:
        distributions = Summaries.read(job.file("distributions"))
        tables["temperature"] = temperature_table(spec.settings, scores, distributions, judgements)
        tables["accounts"] = accounts_table(spec.settings, scores, distributions)
    return tables


def shown_methods(spec: TableSpec, samplings: Sequence[Texts]) -> Iterator[tuple[str, str]]:
    """The sources and methods that tables of texts show, in order; held-out documents last."""
    for sampling in samplings:
        if sampling.sampling in spec.shown:
            yield from ((sampling.sampling, method) for method in sampling.methods)
    if spec.human:
        yield HUMAN, HUMAN


def grid_table(spec: TableSpec, samplings: Sequence[Texts], scores: Summaries, judgements: Judgements) -> pd.DataFrame:
    """What the judge makes of texts, a source and method a row.

    ``texts`` judged, ``tokens`` of the judge each on average, ``cut`` texts that its context was too short for.
    ``perplexity`` of all texts together, ``median_perplexity`` of a text, ``bits_per_character`` and ``equal_perplexity`` of
    the first ``equal_tokens`` tokens of the ``equal_texts`` that have so many each have ``_low`` and ``_high`` (95 %
    interval over texts, empty for one text). ``start`` is the token that the judge read before each. ``reported`` is the
    write-up's perplexity. What a row does not have is empty.
    """
    methods = {(sampling.sampling, name): texts for sampling in samplings for name, texts in sampling.methods.items()}
    rows = []
    for source, method in shown_methods(spec, samplings):
        texts = methods.get((source, method))
        rows.append(
            {
                "source": spec.titles[source],
                "method": method,
                "settings": keyword_arguments(texts[0].settings if texts else None),
                **_judged_cells(spec, f"{source}/{method}", scores),
                "start": start_of(judgements[source, method]),
                "reported": format_fixed(spec.reported.get(f"{source}/{method}"), PERPLEXITIES),
                "note": _note(spec, source),
            }
        )
    return pd.DataFrame(rows)


def diversity_table(spec: TableSpec, samplings: Sequence[Texts], scores: Summaries) -> pd.DataFrame:
    """How varied texts are, what they copy and how they end, a source and method a row.

    ``distinct_2`` of words and ``copied_8grams`` (share that stands in the training corpus) of the ``texts`` have ``_low`` and
    ``_high`` (95 % interval over texts, empty for one text); ``self_bleu`` has none. ``ended`` is the share that
    ended by themselves, empty for those of humans.
    """
    rows = [
        {
            "source": spec.titles[source],
            "method": method,
            **_diversity_cells(f"{source}/{method}", scores, human=source == HUMAN),
        }
        for source, method in shown_methods(spec, samplings)
    ]
    return pd.DataFrame(rows)


def _note(spec: TableSpec, source: str) -> str:
    if source == HUMAN:
        return WITHOUT_PROMPT
    return BY_THE_JUDGE if spec.models[source] == spec.judge else ""


def _judged_cells(spec: TableSpec, experiment: str, scores: Summaries) -> dict[str, Any]:
    tokens, cut, equal = (scores.find(experiment, metric, names.JUDGED) for metric in (names.TOKENS, names.CUT, names.EQUAL))
    return {
        "texts": str(tokens["n"]),
        "tokens": format_fixed(tokens["value"], LENGTHS),
        "cut": str(round(cut["value"] * cut["n"])),
        **scores.cells("perplexity", experiment, names.PERPLEXITY, names.JUDGED, PERPLEXITIES),
        **scores.cells("median_perplexity", experiment, names.MEDIAN, names.JUDGED, PERPLEXITIES),
        **scores.cells("bits_per_character", experiment, names.BITS, names.JUDGED, SHARES),
        "equal_tokens": str(spec.equal_tokens),
        **scores.cells("equal_perplexity", experiment, names.EQUAL, names.JUDGED, PERPLEXITIES),
        "equal_texts": str(equal["n"]),
    }


def _diversity_cells(experiment: str, scores: Summaries, human: bool) -> dict[str, Any]:
    return {
        "texts": str(scores.find(experiment, names.TOKENS, names.JUDGED)["n"]),
        **scores.cells("distinct_2", experiment, names.DISTINCT, names.JUDGED, SHARES),
        "self_bleu": format_fixed(scores.value(experiment, names.SELF_BLEU, names.JUDGED), SHARES),
        **scores.cells("copied_8grams", experiment, names.COPIED, names.JUDGED, SHARES),
        "ended": "" if human else format_fixed(scores.value(experiment, names.ENDED, names.JUDGED), SHARES),
    }


def examples_table(spec: TableSpec, samplings: Sequence[Texts], judgements: Judgements) -> pd.DataFrame:
    """The texts of the same numbers of every method, for the first prompt: never chosen by what they say.

    Raises:
        UserError: a method that has no text of such a number.
    """
    rows = []
    for source, method in shown_methods(spec, samplings):
        texts = {judgement.index: judgement for judgement in judgements[source, method] if judgement.prompt_index == 0}
        for index in spec.examples:
            if index not in texts:
                raise UserError(
                    f"examples: expected numbers of texts that every method has, found {index}: of {source}/{method} there are "
                    f"{len(texts)}"
                )
            rows.append(_example_row(spec.titles[source], texts[index]))
    return pd.DataFrame(rows)


def _example_row(title: str, judgement: Judgement) -> dict[str, Any]:
    return {
        "source": title,
        "method": judgement.method,
        "index": str(judgement.index),
        "prompt": judgement.prompt,
        "text": judgement.text,
    }


def temperature_table(
    settings: Sequence[ComparedSetting], scores: Summaries, distributions: Summaries, judgements: Judgements
) -> pd.DataFrame:
    """An account of the temperature and a setting a row.

    ``entropy`` in nats and ``best_probability`` of what is drawn by, means over the same contexts for all, of ``documents``;
    judged ``perplexity`` of the ``texts`` of the ``method`` that draws so, each with ``_low`` and ``_high``; ``start`` is the
    token that the judge read before each; ``reported`` is the write-up's perplexity.
    """
    return pd.DataFrame(
        [_setting_row(rule, setting, scores, distributions, judgements) for rule in names.RULES for setting in settings]
    )


def _setting_row(
    rule: str, setting: ComparedSetting, scores: Summaries, distributions: Summaries, judgements: Judgements
) -> dict[str, Any]:
    drawn, judged = f"{rule}/{setting.label}", "/".join(setting.methods[rule])
    return {
        "account": TITLES[rule],
        "temperature": f"{setting.temperature:g}",
        "top_k": str(setting.top_k or ""),
        **distributions.cells("entropy", drawn, names.ENTROPY, names.CONTEXTS, ENTROPIES),
        **distributions.cells("best_probability", drawn, names.BEST, names.CONTEXTS, SHARES),
        "documents": str(distributions.find(drawn, names.ENTROPY, names.CONTEXTS)["n"]),
        **scores.cells("perplexity", judged, names.PERPLEXITY, names.JUDGED, PERPLEXITIES),
        "texts": str(scores.find(judged, names.PERPLEXITY, names.JUDGED)["n"]),
        "start": start_of(judgements[setting.methods[rule]]),
        "method": setting.methods[rule][1],
        "reported": format_fixed(setting.reported, PERPLEXITIES),
    }


def accounts_table(settings: Sequence[ComparedSetting], scores: Summaries, distributions: Summaries) -> pd.DataFrame:
    """An account of the temperature and a contrast of two settings that differ in temperature alone a row.

    ``entropy_change`` of what is drawn by and ``perplexity_change`` of judged texts have ``_low`` and ``_high`` (95 % interval
    over documents, over texts). The rest is empty where the write-up does not report the perplexity of every setting:
    ``reported`` tells which way it goes. Of the account as a whole, the same in each of its rows: ``_tau``, Kendall's with the
    reported perplexities over all settings, empty where nothing varies, and ``_agreement``, the share of contrasts that go the
    reported way.
    """
    reported = all(setting.reported for setting in settings)
    return pd.DataFrame(
        [_contrast_row(rule, *pair, reported, scores, distributions) for rule in names.RULES for pair in contrasts(settings)]
    )


def _contrast_row(
    rule: str, high: ComparedSetting, low: ComparedSetting, reported: bool, scores: Summaries, distributions: Summaries
) -> dict[str, Any]:
    experiment = f"{rule}/{contrast_label(high, low)}"
    direction = "" if not reported else "raises" if low.reported > high.reported else "lowers"
    cells = {"account": TITLES[rule], "contrast": contrast_label(high, low), "reported": direction}
    for name, metric, source, split, digits in (
        ("entropy", names.ENTROPY, distributions, names.CONTEXTS, ENTROPIES),
        ("perplexity", names.PERPLEXITY, scores, names.ACCOUNTS, PERPLEXITIES),
    ):
        cells |= source.cells(f"{name}_change", experiment, metric, split, digits)
        for column, fit in (("tau", tau(metric)), ("agreement", agreement(metric))):
            cells[f"{name}_{column}"] = format_fixed(scores.value(rule, fit, names.ACCOUNTS), SHARES) if reported else ""
    return cells
