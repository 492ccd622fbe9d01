"""Networks fine-tuned as classifiers: their files, and the jobs that train them."""

from __future__ import annotations

from typing import Any

from relab.artefacts import datasets, models
from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.settings.base import spec
from relab.settings.classifiers import FinetunedClassifier
from relab.settings.datasets import SPLITS


def file(classifier: str, name: str) -> str:
    """A file of a fine-tuned classifier, such as ``predictions.parquet``."""
    return f"results/classifiers/{classifier}/{name}"


def _inputs(artefacts: Artefacts, classifier: str) -> Files:
    """The splits of a data set, and the network that is fine-tuned on it; of random weights the configuration alone."""
    settings = artefacts.classifiers[classifier].settings
    splits = {split: datasets.file(settings.dataset, split) for split in SPLITS}
    keys = ("config", "tokenizer", "tokenizer_config", *(["weights"] if settings.pretrained else []))
    return {**splits, **{key: path for key, path in models.files(artefacts, settings.model).items() if key in keys}}


def _settings(artefacts: Artefacts, classifier: str) -> dict[str, Any]:
    settings = artefacts.classifiers[classifier].settings
    classes = datasets.classes(artefacts.datasets[settings.dataset].settings)
    return {**spec(settings), "classes": classes, "threads": artefacts.threads}


def is_adapted(settings: FinetunedClassifier) -> bool:
    """Whether the network keeps its weights and learns by an adapter."""
    return settings.adaptation.kind != "full"


def _check(artefacts: Artefacts, classifier: str) -> None:
    """Fine-tuned classifiers read no more than their networks can."""
    settings = artefacts.classifiers[classifier].settings
    models.check_context(artefacts, settings.model, settings.tokens, f"classifiers.{classifier}.tokens")


KIND = Kind(
    "classifiers",
    "classifier",
    FinetunedClassifier,
    "Networks fine-tuned as classifiers",
    lambda artefacts, classifier: [file(classifier, "predictions.parquet")],
    (
        Maker("finetune_classifier", _inputs, _settings, lambda settings: not is_adapted(settings), seconds=40.0),
        Maker("finetune_classifier_by_adapter", _inputs, _settings, is_adapted, seconds=220.0),
    ),
    check=_check,
)
