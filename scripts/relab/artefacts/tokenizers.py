"""Tokenizers and corpora as token ids: their files, and the jobs that make them."""

from __future__ import annotations

from typing import Any

from relab.artefacts import assets, corpora, datasets
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.settings.base import spec
from relab.settings.tokenizers import Tokenizer

NAMES = {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"}


def files(artefacts: Artefacts, tokenizer: str) -> dict[str, str]:
    """The files of a tokenizer directory; for the name of a published model, of the model's directory."""
    folder = "tokenizers" if tokenizer in artefacts.tokenizers else "models"
    return {key: f"results/{folder}/{tokenizer}/{name}" for key, name in NAMES.items()}


def tokens(tokenizer: str, corpus: str) -> dict[str, str]:
    """The splits of a corpus as token ids."""
    return {split: f"results/tokens/{tokenizer}/{corpus}/{split}.arrow" for split in ("train", "validation")}


def _trained_from(artefacts: Artefacts, tokenizer: str) -> Files:
    settings = artefacts.tokenizers[tokenizer].settings
    if settings.dataset is None:
        return dict(corpora.files(settings.corpus))
    return {split: datasets.file(settings.dataset, split) for split in ("train", "validation")}


def _imported_from(artefacts: Artefacts, tokenizer: str) -> Files:
    paths = assets.files(artefacts, artefacts.tokenizers[tokenizer].settings.asset)
    return {"files": [path for path in paths if not path.endswith((".safetensors", ".bin"))]}  # weights are not needed


def _tokenized_from(artefacts: Artefacts, tokenizer: str, corpus: str) -> Files:
    return {**corpora.files(corpus), **files(artefacts, tokenizer)}


def _training(artefacts: Artefacts, tokenizer: str) -> dict[str, Any]:
    settings = artefacts.tokenizers[tokenizer].settings
    if settings.kind != "character" or settings.dataset is not None:
        return spec(settings)
    return {**spec(settings), "separator": artefacts.corpora[settings.corpus].settings.separator}


def _tokenizing(artefacts: Artefacts, tokenizer: str, corpus: str) -> dict[str, Any]:
    return {"separator": artefacts.corpora[corpus].settings.separator}


KIND = Kind(
    "tokenizers",
    "tokenizer",
    Tokenizer,
    "Tokenizers",
    lambda artefacts, tokenizer: [files(artefacts, tokenizer)["tokenizer"]],
    (
        Maker("train_tokenizer", _trained_from, _training, lambda settings: settings.kind != "published"),
        Maker(
            "import_tokenizer",
            _imported_from,
            declared("tokenizers", "tokenizer"),
            lambda settings: settings.kind == "published",
        ),
        Maker("tokenize_corpus", _tokenized_from, _tokenizing),
    ),
)
