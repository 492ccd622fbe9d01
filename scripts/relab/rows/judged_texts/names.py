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

from pydantic import Field

from relab.settings.base import Float, Int, Name, Settings
from relab.settings.samplings import Decoding

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


class SamplerSetting(Settings):
    """A temperature with a number of tokens to draw among."""

    temperature: Float = Field(description="The temperature.", gt=0)
    top_k: Int | None = Field(None, description="Draw among the k most probable tokens only. None: among all.", ge=1)

    @property
    def label(self) -> str:
        """What experiments and tables call it."""
        return f"T {self.temperature:g}" + (f", k {self.top_k}" if self.top_k else "")

    def decoding(self, rule: str) -> Decoding:
        """The setting under an account of what the temperature does."""
        return Decoding(do_sample=True, temperature=self.temperature, temperature_rule=rule, top_k=self.top_k)


class ComparedSetting(SamplerSetting):
    """A setting whose texts were judged, under every account of the temperature."""

    methods: dict[str, tuple[Name, str]] = Field(description="By account, the sampling and the method that draw so.")
    reported: Float | None = Field(None, description="The perplexity that the write-up reports.", gt=0)


Setting = TypeVar("Setting", bound=SamplerSetting)


def contrasts(settings: Sequence[Setting]) -> list[tuple[Setting, Setting]]:
    """The pairs of settings that differ in temperature alone, from the higher temperature to the lower one."""
    pairs = [sorted(pair, key=lambda setting: -setting.temperature) for pair in itertools.combinations(settings, 2)]
    return [(high, low) for high, low in pairs if high.top_k == low.top_k]


def contrast_label(high: SamplerSetting, low: SamplerSetting) -> str:
    """A contrast as experiments and tables name it."""
    return f"{high.label} → {low.label}"


class Spec(Settings):
    """Settings of the job that scores."""

    samplings: list[Name] = Field(description="The samplings that were judged, in the order of tables.", min_length=1)
    human: bool = Field(description="Whether held-out documents were judged beside them.")
    judge: Name = Field(description="The model that judged.")
    equal_tokens: Int = Field(description="Tokens of each text that perplexities at equal length are of.", ge=1)
    settings: list[ComparedSetting] = Field([], description="The settings that accounts of the temperature are compared at.")


class TableSpec(Spec):
    """Settings of the job that writes tables."""

    shown: list[Name] = Field(description="The samplings that the tables of texts show.", min_length=1)
    titles: dict[str, str] = Field(description="What tables call each source that they show: a sampling, or `human`.")
    models: dict[Name, Name] = Field(description="The model that each sampling is of.")
    reported: dict[str, Float] = Field({}, description="Perplexities that the write-up reports, by `sampling/method`.")
    examples: list[Int] = Field(description="Numbers of the texts of each method that are shown, from 0.", min_length=1)
