"""Corpora: their files, and the jobs that clean them."""

from __future__ import annotations

from relab.artefacts import assets
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.settings.corpora import Corpus


def files(corpus: str) -> dict[str, str]:
    """The files of a corpus: its two splits."""
    return {split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")}


def _inputs(artefacts: Artefacts, corpus: str) -> Files:
    asset = artefacts.corpora[corpus].settings.asset
    return {"files": assets.files(artefacts, asset) if asset else []}


KIND = Kind(
    "corpora",
    "corpus",
    Corpus,
    "Corpora, cleaned and split,",
    lambda artefacts, corpus: [files(corpus)["train"]],
    (Maker("clean_corpus", _inputs, declared("corpora", "corpus")),),
)
