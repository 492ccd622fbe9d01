"""What is fitted on frozen features: its files, and the jobs that fit it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relab.artefacts import datasets, encoders
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.settings.base import spec
from relab.settings.datasets import SPLITS
from relab.settings.probes import AnyProbe, Probe


def file(probe: str, name: str) -> str:
    """A file of a probe, such as ``predictions.parquet``."""
    return f"results/probes/{probe}/{name}"


def _features(settings: Probe, parts: Iterable[str]) -> list[str]:
    return [encoders.features(encoder, settings.dataset, part) for encoder in settings.encoders for part in parts]


def _fitted_from(artefacts: Artefacts, probe: str) -> Files:
    settings = artefacts.probes[probe].settings
    splits = {split: datasets.file(settings.dataset, split) for split in SPLITS}
    return {**splits, "features": _features(settings, SPLITS)}


def _ranked_from(artefacts: Artefacts, probe: str) -> Files:
    settings = artefacts.probes[probe].settings
    return {
        **{part: datasets.file(settings.dataset, part) for part in ("corpus", "queries")},
        "corpus_features": _features(settings, ["corpus"]),
        "query_features": _features(settings, ["queries"]),
    }


def _classification(artefacts: Artefacts, probe: str) -> dict[str, Any]:
    """The settings of a job that fits a classifier."""
    settings = artefacts.probes[probe].settings
    classes = datasets.classes(artefacts.datasets[settings.dataset].settings)
    return {**spec(settings), "classes": classes, "threads": artefacts.threads}


def retrieval(artefacts: Artefacts, probe: str) -> dict[str, Any]:
    """The settings of a job that ranks documents."""
    settings = artefacts.probes[probe].settings
    itself = artefacts.datasets[settings.dataset].settings.queries_are_documents
    return {**spec(settings), "queries_are_documents": itself, "threads": artefacts.threads}


def _records(artefacts: Artefacts, probe: str) -> list[str]:
    retrieves = artefacts.probes[probe].settings.kind == "retriever"
    return [file(probe, "rankings.parquet" if retrieves else "predictions.parquet")]


KIND = Kind(
    "probes",
    "probe",
    AnyProbe,
    "Classifiers, rankers and retrievers on frozen features",
    _records,
    (
        Maker("fit_classifier", _fitted_from, _classification, lambda settings: settings.kind == "classifier", seconds=8.0),
        Maker(
            "fit_ranker",
            _fitted_from,
            declared("probes", "probe", threads=True),
            lambda settings: settings.kind == "ranker",
            seconds=9.0,
        ),
        Maker("fit_retriever", _ranked_from, retrieval, lambda settings: settings.kind == "retriever"),
    ),
)
