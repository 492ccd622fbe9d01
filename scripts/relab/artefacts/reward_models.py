"""Reward models: their files, and the jobs that train or import them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag

from relab.artefacts import assets, datasets, models
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.settings.base import kind_or
from relab.settings.datasets import SPLITS
from relab.settings.reward_models import PublishedRewardModel, TrainedRewardModel

RewardModel = Annotated[
    Annotated[TrainedRewardModel, Tag("trained")] | Annotated[PublishedRewardModel, Tag("published")],
    Discriminator(kind_or("trained")),
]

#: The files that load a reward model, by the names that jobs give them.
NAMES = {
    "weights": "model.safetensors",
    "config": "config.json",
    "header": "reward_model.json",
    "tokenizer": "tokenizer.json",
    "tokenizer_config": "tokenizer_config.json",
}


def file(reward_model: str, name: str) -> str:
    """A file of a reward model, such as ``rewards.parquet``."""
    return f"results/reward_models/{reward_model}/{name}"


def files(reward_model: str) -> dict[str, str]:
    """The files that load a reward model."""
    return {key: file(reward_model, name) for key, name in NAMES.items()}


def _trained_from(artefacts: Artefacts, reward_model: str) -> Files:
    """The pairs of all splits, and the network that learns from them."""
    settings = artefacts.reward_models[reward_model].settings
    splits = {split: datasets.file(settings.dataset, split) for split in SPLITS}
    network = models.files(artefacts, settings.model)
    return {**splits, **{key: network[key] for key in ("weights", "config", "tokenizer", "tokenizer_config")}}


def _imported_from(artefacts: Artefacts, reward_model: str) -> Files:
    """The published network, and the tokenizer that it reads with."""
    settings = artefacts.reward_models[reward_model].settings
    model = models.files(artefacts, settings.model)
    tokenizer = {key: model[key] for key in ("tokenizer", "tokenizer_config")}
    return {"files": assets.files(artefacts, settings.asset), **tokenizer}


def _check(artefacts: Artefacts, reward_model: str) -> None:
    """Reward models read no more than their networks can."""
    settings = artefacts.reward_models[reward_model].settings
    models.check_context(artefacts, settings.model, settings.tokens, f"reward_models.{reward_model}.tokens")


_training = declared("reward_models", "reward_model", threads=True)
_importing = declared("reward_models", "reward_model")

KIND = Kind(
    "reward_models",
    "reward_model",
    RewardModel,
    "Reward models",
    lambda artefacts, reward_model: [file(reward_model, "model.safetensors")],
    (
        Maker("train_reward_model", _trained_from, _training, lambda settings: settings.kind == "trained", seconds=40.0),
        Maker("import_reward_model", _imported_from, _importing, lambda settings: settings.kind == "published"),
    ),
    check=_check,
)
