"""What the jobs of a row share: their settings, and the names of experiments and metrics.

Experiments are ``{source}/{method}`` on the split :data:`JUDGED`; ``{rule}/{setting}``, and for two settings that differ in
temperature alone ``{rule}/{setting} → {setting}``, on the splits :data:`CONTEXTS` (distributions) and :data:`ACCOUNTS` (judged
texts); ``{rule}`` on :data:`ACCOUNTS`. A rule, or account, is one of
:data:`relab.settings.samplings.Decoding.temperature_rule`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar, get_args

from pydantic import BaseModel

from relab.settings.samplings import Decoding, Method

JUDGED, CONTEXTS, ACCOUNTS = "judged", "contexts", "accounts"

PERPLEXITY, MEDIAN, BITS = "perplexity", "median perplexity", "bits per character"
EQUAL = "perplexity at equal length"
TOKENS, CUT, ENDED = "tokens", "cut", "ended"
DISTINCT, SELF_BLEU, COPIED = "distinct-2 of words", "self-BLEU", "copied 8-grams"

#: Of the distributions that tokens are drawn by: entropy in nats, and the probability of the most probable token.
ENTROPY, BEST = "entropy", "probability of the best token"

#: The accounts of what a temperature does.
RULES: tuple[str, ...] = get_args(Decoding.model_fields["temperature_rule"].annotation)


def tau(metric: str) -> str:
    """Name of Kendall's tau of a metric with the reported perplexities, over settings."""
    return f"tau of {metric}"


def agreement(metric: str) -> str:
    """Name of the share of contrasts in which a metric goes the way that the reported perplexity goes."""
    return f"agreement of {metric}"


class SamplerSetting(BaseModel):
    """A temperature with a number of tokens to draw among; without one, among all."""

    temperature: float
    top_k: int | None = None

    @property
    def label(self) -> str:
        """What experiments and tables call it."""
        return f"T {self.temperature:g}" + (f", k {self.top_k}" if self.top_k else "")

    def decoding(self, rule: str) -> Method:
        """The setting under an account of what the temperature does, as a method that adds nothing to a prompt."""
        return Method(do_sample=True, temperature=self.temperature, temperature_rule=rule, top_k=self.top_k)


class ComparedSetting(SamplerSetting):
    """A setting whose texts were judged, under every account of the temperature."""

    methods: dict[str, tuple[str, str]]  #: by account, the sampling and the method that draw so
    reported: float | None = None  #: the perplexity that the write-up reports


Setting = TypeVar("Setting", bound=SamplerSetting)


def contrasts(settings: Sequence[Setting]) -> list[tuple[Setting, Setting]]:
    """The pairs of settings that differ in temperature alone, from the higher temperature to the lower one."""
    pairs = [sorted(pair, key=lambda setting: -setting.temperature) for pair in itertools.combinations(settings, 2)]
    return [(high, low) for high, low in pairs if high.top_k == low.top_k]


def contrast_label(high: SamplerSetting, low: SamplerSetting) -> str:
    """A contrast as experiments and tables name it."""
    return f"{high.label} → {low.label}"


class Spec(BaseModel):
    """Settings of the job that scores."""

    samplings: list[str]  #: the judged ones, in the order of tables
    human: bool  #: whether held-out documents were judged beside them
    judge: str
    equal_tokens: int  #: tokens of each text that perplexities at equal length are of
    settings: list[ComparedSetting] = []  #: those that accounts of the temperature are compared at


class TableSpec(Spec):
    """Settings of the job that writes tables."""

    shown: list[str]  #: the samplings that the tables of texts show
    titles: dict[str, str]  #: what tables call each source that they show: a sampling, or ``human``
    models: dict[str, str]  #: the model of each sampling
    reported: dict[str, float] = {}  #: perplexities that the write-up reports, by ``sampling/method``
    examples: list[int]  #: numbers of the texts of each method that are shown
