"""Reward models: their files, and the job that trains them."""

from __future__ import annotations

from relab.artefacts import datasets, models
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.settings.datasets import SPLITS
from relab.settings.reward_models import TrainedRewardModel

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


def _inputs(artefacts: Artefacts, reward_model: str) -> Files:
    """The pairs of all splits, and the network that learns from them."""
    settings = artefacts.reward_models[reward_model].settings
    splits = {split: datasets.file(settings.dataset, split) for split in SPLITS}
    network = models.files(artefacts, settings.model)
    return {**splits, **{key: network[key] for key in ("weights", "config", "tokenizer", "tokenizer_config")}}


def _check(artefacts: Artefacts, reward_model: str) -> None:
    """Reward models read no more than their networks can."""
    settings = artefacts.reward_models[reward_model].settings
    models.check_context(artefacts, settings.model, settings.tokens, f"reward_models.{reward_model}.tokens")


KIND = Kind(
    "reward_models",
    "reward_model",
    TrainedRewardModel,
    "Reward models",
    lambda artefacts, reward_model: [file(reward_model, "model.safetensors")],
    (Maker("train_reward_model", _inputs, declared("reward_models", "reward_model", threads=True), seconds=60.0),),
    check=_check,
)
