"""Frozen encoders: the files of their vectors, and the jobs that encode texts."""

from __future__ import annotations

from typing import Any

from relab.artefacts import datasets, models
from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.settings.base import spec
from relab.settings.encoders import Encoder


def features(encoder: str, dataset: str, part: str) -> str:
    """The file of the vectors of the texts of one part of a data set."""
    return f"results/features/{encoder}/{dataset}/{part}.safetensors"


def _inputs(artefacts: Artefacts, encoder: str, dataset: str, part: str) -> Files:
    model = models.files(artefacts, artefacts.encoders[encoder].settings.model)
    return {"part": datasets.file(dataset, part), **{key: path for key, path in model.items() if key != "generation"}}


def _settings(artefacts: Artefacts, encoder: str, dataset: str, part: str) -> dict[str, Any]:
    return {
        "source": {"encoder": encoder, "dataset": dataset, "part": part},
        "encoder": spec(artefacts.encoders[encoder].settings),
        "columns": datasets.text_columns(artefacts.datasets[dataset].settings),
        "threads": artefacts.threads,
    }


KIND = Kind(
    "encoders",
    "encoder",
    Encoder,
    "Frozen encoders",
    lambda artefacts, encoder: [],  # its vectors are of data sets: those that a probe needs
    (Maker("encode_texts", _inputs, _settings, seconds=10.0),),
)
