"""D3 to D5's tables: judged perplexities and how varied texts are, examples, settings and accounts of the temperature.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.chapters.stories.methods import method_of
from relab.chapters.stories.names import (
    ACCOUNTS,
    BEST,
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
    StoriesTables,
    agreement,
    contrast_label,
    tau,
)
from relab.errors import UserError
from relab.judging.spec import HUMAN
from relab.judging.storage import Judgement, Judgements, start_of
from relab.scores import Summaries
from relab.settings.chapters import ReportedSetting, contrasts
from relab.texts.arguments import call
from relab.texts.samples import Texts

#: What the table of accounts calls each of them.
TITLES = {
    "divide": "softmax of logits / T",
    "multiply": "softmax of logits × T",
    "ignore": "in proportion to probabilities",
}
ITSELF, PEOPLE = "the judge's own text", "without a prompt"
#: Decimals of perplexities, of shares and bits, of entropies, of numbers of tokens.
PERPLEXITIES, SHARES, ENTROPIES, LENGTHS = 2, 3, 3, 1


def shown(spec: StoriesTables, samplings: Sequence[Texts]) -> Iterator[tuple[str, str]]:
    """The sources and methods that tables of texts show, in order: the grid's, then held-out documents."""
    for one in samplings:
        if one.sampling in spec.grid:
            yield from ((one.sampling, method) for method in one.methods)
    if spec.human:
        yield HUMAN, HUMAN


def grid_table(spec: StoriesTables, samplings: Sequence[Texts], scores: Summaries, judgements: Judgements) -> pd.DataFrame:
    """What the judge makes of texts, a source and method a row.

    ``texts`` judged, ``tokens`` of the judge each on average, ``cut`` texts that its context was too short for.
    ``perplexity`` of all texts together, ``median_perplexity`` of a text, ``bits_per_character`` and ``equal_perplexity`` of
    the first ``equal_tokens`` tokens of the ``equal_texts`` that have so many each have ``_low`` and ``_high`` (95 %
    interval over texts, empty for one text). ``start`` is the token that the judge read before each. ``reported`` is the
    write-up's perplexity. What a row does not have is empty.

    Raises:
        UserError: where a score is missing.
    """
    methods = {(one.sampling, name): texts for one in samplings for name, texts in one.methods.items()}
    rows = []
    for source, method in shown(spec, samplings):
        texts = methods.get((source, method))
        rows.append(
            {
                "source": spec.titles[source],
                "method": method,
                "settings": call(texts[0].settings if texts else None),
                **_judged(spec, f"{source}/{method}", scores),
                "start": start_of(judgements[source, method]),
                "reported": fixed(spec.reported.get(source, {}).get(method), PERPLEXITIES),
                "note": _note(spec, source),
            }
        )
    return pd.DataFrame(rows)


def diversity_table(spec: StoriesTables, samplings: Sequence[Texts], scores: Summaries) -> pd.DataFrame:
    """How varied texts are, what they copy and how they end, a source and method a row.

    ``distinct_2`` of words and ``copied_8grams`` (share that stands in the training corpus) of the ``texts`` have ``_low`` and
    ``_high`` (95 % interval over texts, empty for one text); ``self_bleu`` has none. ``ended`` is the share that
    ended by themselves, empty for people's.

    Raises:
        UserError: where a score is missing.
    """
    rows = []
    for source, method in shown(spec, samplings):
        cells = {"source": spec.titles[source], "method": method}
        rows.append({**cells, **_varied(f"{source}/{method}", scores, people=source == HUMAN)})
    return pd.DataFrame(rows)


def _note(spec: StoriesTables, source: str) -> str:
    if source == HUMAN:
        return PEOPLE
    return ITSELF if spec.models[source] == spec.judge else ""


def _judged(spec: StoriesTables, experiment: str, scores: Summaries) -> dict[str, Any]:
    tokens, cut, equal = (scores.find(experiment, metric, JUDGED) for metric in (TOKENS, CUT, EQUAL))
    return {
        "texts": str(tokens["n"]),
        "tokens": fixed(tokens["value"], LENGTHS),
        "cut": str(round(cut["value"] * cut["n"])),
        **scores.cells("perplexity", experiment, PERPLEXITY, JUDGED, PERPLEXITIES),
        **scores.cells("median_perplexity", experiment, MEDIAN, JUDGED, PERPLEXITIES),
        **scores.cells("bits_per_character", experiment, BITS, JUDGED, SHARES),
        "equal_tokens": str(spec.equal_tokens),
        **scores.cells("equal_perplexity", experiment, EQUAL, JUDGED, PERPLEXITIES),
        "equal_texts": str(equal["n"]),
    }


def _varied(experiment: str, scores: Summaries, people: bool) -> dict[str, Any]:
    return {
        "texts": str(scores.find(experiment, TOKENS, JUDGED)["n"]),
        **scores.cells("distinct_2", experiment, DISTINCT, JUDGED, SHARES),
        "self_bleu": fixed(scores.value(experiment, SELF_BLEU, JUDGED), SHARES),
        **scores.cells("copied_8grams", experiment, COPIED, JUDGED, SHARES),
        "ended": "" if people else fixed(scores.value(experiment, ENDED, JUDGED), SHARES),
    }


def examples_table(spec: StoriesTables, samplings: Sequence[Texts], judgements: Judgements) -> pd.DataFrame:
    """The texts of the same numbers of every method, for the first prompt: never chosen by what they say.

    Raises:
        UserError: a method that has no text of such a number.
    """
    rows = []
    for source, method in shown(spec, samplings):
        own = {one.index: one for one in judgements[source, method] if one.prompt_index == 0}
        for index in spec.examples:
            if index not in own:
                raise UserError(
                    f"examples: expected numbers of texts that every method has, found {index}: of {source}/{method} there are "
                    f"{len(own)}"
                )
            rows.append(_example(spec.titles[source], own[index]))
    return pd.DataFrame(rows)


def _example(title: str, one: Judgement) -> dict[str, Any]:
    return {"source": title, "method": one.method, "index": str(one.index), "prompt": one.prompt, "text": one.text}


def temperature_table(
    spec: StoriesSpec, samplings: Sequence[Texts], scores: Summaries, distributions: Summaries, judgements: Judgements
) -> pd.DataFrame:
    """An account of the temperature and a setting a row.

    ``entropy`` in nats and ``best_probability`` of what is drawn by, means over the same contexts for all, of ``documents``;
    judged ``perplexity`` of the ``texts`` of the ``method`` that draws so, each with ``_low`` and ``_high``; ``start`` is the
    token that the judge read before each; ``reported`` is the write-up's perplexity.

    Raises:
        UserError: where a score or a method is missing.
    """
    compared = [one for one in samplings if one.sampling in spec.temperature.samplings]
    return pd.DataFrame(
        [
            _setting(rule, setting, method_of(setting, rule, compared), scores, distributions, judgements)
            for rule in RULES
            for setting in spec.temperature.settings
        ]
    )


def _setting(
    rule: str,
    setting: ReportedSetting,
    method: tuple[str, str],
    scores: Summaries,
    distributions: Summaries,
    judgements: Judgements,
) -> dict[str, Any]:
    drawn, judged = f"{rule}/{setting.label}", "/".join(method)
    return {
        "account": TITLES[rule],
        "temperature": f"{setting.temperature:g}",
        "top_k": str(setting.top_k),
        **distributions.cells("entropy", drawn, ENTROPY, CONTEXTS, ENTROPIES),
        **distributions.cells("best_probability", drawn, BEST, CONTEXTS, SHARES),
        "documents": str(distributions.find(drawn, ENTROPY, CONTEXTS)["n"]),
        **scores.cells("perplexity", judged, PERPLEXITY, JUDGED, PERPLEXITIES),
        "texts": str(scores.find(judged, PERPLEXITY, JUDGED)["n"]),
        "start": start_of(judgements[method]),
        "method": method[1],
        "reported": fixed(setting.reported, PERPLEXITIES),
    }


def accounts_table(spec: StoriesSpec, scores: Summaries, distributions: Summaries) -> pd.DataFrame:
    """An account of the temperature and a contrast of two settings that differ in temperature alone a row.

    ``reported`` tells which way the write-up's perplexity goes. ``entropy_change`` of what is drawn by and
    ``perplexity_change`` of judged texts have ``_low`` and ``_high`` (95 % interval over documents, over texts).
    Of the account as a whole, the same in each of its rows: ``_tau``, Kendall's with the reported perplexities over all
    settings, empty where nothing varies, and ``_agreement``, the share of contrasts that go the reported way.

    Raises:
        UserError: where a score is missing.
    """
    pairs = contrasts(spec.temperature.settings)
    return pd.DataFrame([_contrast(rule, high, low, scores, distributions) for rule in RULES for high, low in pairs])


def _contrast(
    rule: str, high: ReportedSetting, low: ReportedSetting, scores: Summaries, distributions: Summaries
) -> dict[str, Any]:
    rises = low.reported > high.reported
    experiment = f"{rule}/{contrast_label(high, low)}"
    cells = {"account": TITLES[rule], "contrast": contrast_label(high, low), "reported": "raises" if rises else "lowers"}
    for name, metric, where, split, digits in (
        ("entropy", ENTROPY, distributions, CONTEXTS, ENTROPIES),
        ("perplexity", PERPLEXITY, scores, ACCOUNTS, PERPLEXITIES),
    ):
        cells |= where.cells(f"{name}_change", experiment, metric, split, digits)
        cells[f"{name}_tau"] = fixed(scores.value(rule, tau(metric), ACCOUNTS), SHARES)
        cells[f"{name}_agreement"] = fixed(scores.value(rule, agreement(metric), ACCOUNTS), SHARES)
    return cells
