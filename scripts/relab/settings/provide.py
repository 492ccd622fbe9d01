"""The one place where a job gets its settings: the slice of the configuration that its rule needs, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from relab.settings.base import canonical, spec
from relab.settings.config import Resolved


def fetch_asset(resolved: Resolved, asset: str, **_: str) -> dict[str, Any]:
    return spec(resolved.assets[asset])


def clean_corpus(resolved: Resolved, corpus: str) -> dict[str, Any]:
    return spec(resolved.corpora[corpus].settings)


def train_tokenizer(resolved: Resolved, tokenizer: str) -> dict[str, Any]:
    settings = resolved.tokenizers[tokenizer].settings
    return {**spec(settings), "separator": resolved.corpora[settings.corpus].settings.separator}


def train_model(resolved: Resolved, model: str) -> dict[str, Any]:
    settings = resolved.models[model].settings
    return {
        **spec(settings),
        "separator": resolved.corpora[settings.corpus].settings.separator,
        "threads": resolved.threads,
    }


def score_char_gpt(resolved: Resolved) -> dict[str, Any]:
    chapter = resolved.chapters.char_gpt
    family = resolved.family("models", chapter.models)
    return {
        "models": {
            name: {"corpus": member.settings.corpus, "seed": member.settings.seed, "varied": member.varied}
            for name, member in family.items()
        },
        "steps": chapter.progression.steps,
    }


def tabulate_char_gpt(resolved: Resolved) -> dict[str, Any]:
    where = resolved.chapters.char_gpt.progression.where
    return {**score_char_gpt(resolved), "where": where, "corpora": _titles(resolved)}


def tabulate_corpora(resolved: Resolved) -> dict[str, Any]:
    told = {name: resolved.corpora[name].settings for name in used_corpora(resolved)}
    return {"corpora": {name: {"title": one.title, "language": one.language} for name, one in told.items()}}


def tabulate_assets(resolved: Resolved) -> dict[str, Any]:
    return {
        "assets": {
            name: resolved.assets[name].model_dump(
                mode="json", include={"about", "purpose", "licence", "package_licence"}, exclude_defaults=True
            )
            for name in used_assets(resolved)
        }
    }


def build_report(resolved: Resolved) -> dict[str, Any]:
    """The report records the whole configuration as it was written, but only the downloads that this run uses."""
    config = {**resolved.config, "assets": {name: resolved.config["assets"][name] for name in used_assets(resolved)}}
    return {"scale": resolved.scale, "about": resolved.about, "config": _one_notation(config)}


def _one_notation(value: Any) -> Any:
    """One notation for a number that YAML lets people write in several: ``1e-3`` (a text to YAML), ``32.0``."""
    if isinstance(value, dict):
        return {key: _one_notation(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_notation(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _titles(resolved: Resolved) -> list[dict[str, str]]:
    return [{"name": corpus, "title": resolved.corpora[corpus].settings.title} for corpus in used_corpora(resolved)]


def used_models(resolved: Resolved) -> list[str]:
    """The language models that the report shows, in declared order."""
    return list(resolved.family("models", resolved.chapters.char_gpt.models))


def used_corpora(resolved: Resolved) -> list[str]:
    """The corpora that those models are trained on, in declared order."""
    used = {resolved.models[name].settings.corpus for name in used_models(resolved)}
    return [name for name in resolved.corpora if name in used]


def used_assets(resolved: Resolved) -> list[str]:
    """The downloads that those corpora are read from, in declared order."""
    used = {resolved.corpora[name].settings.asset for name in used_corpora(resolved)}
    return [name for name in resolved.assets if name in used]


SLICES: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function
    for function in (
        fetch_asset,
        clean_corpus,
        train_tokenizer,
        train_model,
        score_char_gpt,
        tabulate_char_gpt,
        tabulate_corpora,
        tabulate_assets,
        build_report,
    )
}


def provide(resolved: Resolved, rule: str, wildcards: Mapping[str, str]) -> str:
    """The settings of one job in canonical form."""
    return canonical(SLICES[rule](resolved, **wildcards))
