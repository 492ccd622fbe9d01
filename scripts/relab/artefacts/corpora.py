"""Corpora: their files, and the jobs that clean them."""

from __future__ import annotations

from typing import Any

from relab.artefacts import assets
from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.settings.base import spec
from relab.settings.corpora import Corpus


def files(corpus: str) -> dict[str, str]:
    """The files of a corpus: its two splits."""
    return {split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")}


def _inputs(artefacts: Artefacts, corpus: str) -> Files:
    asset = artefacts.corpora[corpus].settings.asset
    return {"files": assets.files(artefacts, asset) if asset else []}


def _settings(artefacts: Artefacts, corpus: str) -> dict[str, Any]:
    return spec(artefacts.corpora[corpus].settings)


def _records(artefacts: Artefacts, corpus: str) -> list[str]:
    return [files(corpus)["train"]]


KIND = Kind("corpora", "corpus", Corpus, "Corpora, cleaned and split,", _records, (Maker("clean_corpus", _inputs, _settings),))
