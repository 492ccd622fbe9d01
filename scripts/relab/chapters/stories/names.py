"""What the jobs of rows D3 to D5 share: their settings, and the names of experiments and metrics.

Experiments are ``{source}/{method}`` on the split :data:`JUDGED`; ``{rule}/{setting}``, and for two settings that differ in
temperature alone ``{rule}/{setting} → {setting}``, on the splits :data:`CONTEXTS` (distributions) and :data:`ACCOUNTS` (judged
texts); ``{rule}`` on :data:`ACCOUNTS`. A rule is one of :data:`relab.settings.samplings.Decoding.temperature_rule`.
"""

from __future__ import annotations

from typing import get_args

from pydantic import Field, model_validator

from relab.judging.spec import HUMAN, check_sources
from relab.settings.base import Float, Int, Name, Settings
from relab.settings.chapters import ReportedSetting, SamplerSetting, check_settings
from relab.settings.samplings import Decoding

JUDGED, CONTEXTS, ACCOUNTS = "judged", "contexts", "accounts"

PERPLEXITY, MEDIAN, BITS = "perplexity", "median perplexity", "bits per character"
EQUAL = "perplexity at equal length"
TOKENS, CUT, ENDED = "tokens", "cut", "ended"
DISTINCT, SELF_BLEU, COPIED = "distinct-2 of words", "self-BLEU", "copied 8-grams"

#: Of the distributions that tokens are drawn by: entropy in nats, and the probability of the most probable token.
ENTROPY, BEST = "entropy", "probability of the best token"

#: The accounts of what the write-up's temperature does.
RULES: tuple[str, ...] = get_args(Decoding.model_fields["temperature_rule"].annotation)


def tau(metric: str) -> str:
    """Name of Kendall's tau of a metric with the reported perplexities, over settings."""
    return f"tau of {metric}"


def agreement(metric: str) -> str:
    """Name of the share of contrasts in which a metric goes the way that the reported perplexity goes."""
    return f"agreement of {metric}"


def contrast_label(high: SamplerSetting, low: SamplerSetting) -> str:
    """A contrast as experiments and tables name it."""
    return f"{high.label} → {low.label}"


class TraceTemperature(Settings):
    """Settings of the job that looks at the distributions that tokens are drawn by."""

    documents: Int = Field(description="Held-out documents whose prefixes are the contexts, evenly spread.", ge=1)
    characters: Int = Field(description="Characters of each that are read at most.", ge=1)
    settings: list[SamplerSetting] = Field(description="The settings that accounts of the temperature are compared at.")
    threads: Int = Field(1, description="Compute threads.", ge=1)

    @model_validator(mode="after")
    def _comparable(self):
        check_settings(self.settings)
        return self


class Temperature(Settings):
    """Where the judged texts of each account of the temperature are found, and what they are compared with."""

    samplings: list[Name] = Field(description="The samplings whose methods the settings are, all from one model.", min_length=1)
    settings: list[ReportedSetting] = Field(description="The settings with the perplexities that the write-up reports.")

    @model_validator(mode="after")
    def _comparable(self):
        check_settings(self.settings)
        return self


class StoriesSpec(Settings):
    """Settings of the job that scores."""

    samplings: list[Name] = Field(description="The samplings that were judged, in the order of tables.", min_length=1)
    human: bool = Field(description="Whether held-out documents were judged beside them.")
    judge: Name = Field(description="The model that judged.")
    equal_tokens: Int = Field(description="Tokens of each text that perplexities at equal length are of.", ge=1)
    temperature: Temperature = Field(description="The comparison of accounts of the temperature.")

    @model_validator(mode="after")
    def _names(self):
        check_sources(self.samplings)
        check_named(self.temperature.samplings, self.samplings, "temperature.samplings")
        return self


class StoriesTables(StoriesSpec):
    """Settings of the job that writes tables."""

    grid: list[Name] = Field(description="The samplings that the tables of texts show.", min_length=1)
    titles: dict[str, str] = Field(description="What tables call each source: a sampling, or `human`.")
    models: dict[Name, Name] = Field(description="The model that each sampling is of.")
    reported: dict[Name, dict[str, Float]] = Field(
        {}, description="Perplexities that the write-up reports, by sampling and method."
    )
    examples: list[Int] = Field(description="Numbers of the texts of each method that are shown, from 0.", min_length=1)

    @model_validator(mode="after")
    def _known(self):
        for key in ("grid", "reported"):
            check_named(list(getattr(self, key)), self.samplings, key)
        for key, needed in (("models", self.samplings), ("titles", [*self.grid, *([HUMAN] if self.human else [])])):
            lacking = [name for name in needed if name not in getattr(self, key)]
            if lacking:
                raise ValueError(f"{key}: expected one of {lacking[0]!r}, found none")
        return self


def check_named(names: list[str], samplings: list[str], key: str) -> None:
    """Refuse names of samplings that were not judged.

    Raises:
        ValueError: as a validator of settings raises it.
    """
    for name in names:
        if name not in samplings:
            raise ValueError(f"{key}: expected judged samplings ({', '.join(samplings)}), found {name!r}")
