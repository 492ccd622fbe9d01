"""Sampled texts: their files, and the jobs that sample them."""

from __future__ import annotations

from typing import Any

from relab.artefacts import assets, corpora, datasets, models
from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.settings.base import spec
from relab.settings.samplings import CorpusPrompts, DatasetPrompts, FilePrompts, Sampling


def file(sampling: str) -> str:
    """The file of the texts of a sampling."""
    return f"results/samples/{sampling}.jsonl"


def _inputs(artefacts: Artefacts, sampling: str) -> Files:
    settings = artefacts.samplings[sampling].settings
    return {**models.files(artefacts, settings.model), **_prompt_files(artefacts, settings.prompts)}


def _prompt_files(artefacts: Artefacts, prompts: list[str] | CorpusPrompts | DatasetPrompts | FilePrompts) -> Files:
    """The files that prompts are taken from; none where they stand in the settings."""
    match prompts:
        case CorpusPrompts():
            return {"corpus": corpora.files(prompts.corpus)[prompts.split]}
        case DatasetPrompts():
            return {"dataset": datasets.file(prompts.dataset, prompts.split)}
        case FilePrompts():
            return {"files": assets.files(artefacts, prompts.asset)}
    return {}


def _settings(artefacts: Artefacts, sampling: str) -> dict[str, Any]:
    settings = artefacts.samplings[sampling].settings
    # the canonical form sorts keys: the order in which tables show the methods stands apart
    return {**spec(settings), "order": list(settings.methods), "threads": artefacts.threads}


KIND = Kind(
    "samplings",
    "sampling",
    Sampling,
    "Texts sampled from language models",
    lambda artefacts, sampling: [file(sampling)],
    (Maker("sample_texts", _inputs, _settings, seconds=13.0),),
)
