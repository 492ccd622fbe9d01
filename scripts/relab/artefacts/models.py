"""Language models and encoders: their files, and the jobs that train or import them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from relab.artefacts import assets, datasets, tokenizers
from relab.artefacts.kind import Artefacts, Files, Kind, Maker, declared
from relab.errors import UserError
from relab.settings.base import kind_or
from relab.settings.models import EncoderDecoderModel, EncoderModel, FinetunedModel, PublishedModel, TrainedModel
from relab.settings.pair_models import FinetunedOnPairs, TrainedOnPairs
from relab.settings.policies import PpoModel
from relab.settings.preference_models import DpoModel
from relab.settings.references import is_encoder_decoder

Model = Annotated[
    Annotated[TrainedModel, Tag("trained")]
    | Annotated[PublishedModel, Tag("published")]
    | Annotated[FinetunedModel, Tag("finetuned")]
    | Annotated[EncoderModel, Tag("encoder")]
    | Annotated[EncoderDecoderModel, Tag("encoder_decoder")]
    | Annotated[TrainedOnPairs, Tag("trained_on_pairs")]
    | Annotated[FinetunedOnPairs, Tag("finetuned_on_pairs")]
    | Annotated[DpoModel, Tag("dpo")]
    | Annotated[PpoModel, Tag("ppo")],
    Discriminator(kind_or("trained")),
]


def is_adapter(settings: Any) -> bool:
    """Whether a model is an adapter beside its base."""
    return getattr(settings, "is_adapter", False)


def files(artefacts: Artefacts, model: str) -> dict[str, str]:
    """The files that load a model with its tokenizer, for an adapter those of its base too; ``weights`` is the adapter's."""
    settings = artefacts.models[model].settings
    if is_adapter(settings):
        names = {"weights": "adapter_model.safetensors", "config": "adapter_config.json"}
        base = {f"base_{key}": path for key, path in files(artefacts, settings.base).items()}
    else:
        names = {"weights": "model.safetensors", "config": "config.json", "generation": "generation_config.json"}
        base = {}
    return {**{key: f"results/models/{model}/{name}" for key, name in {**tokenizers.NAMES, **names}.items()}, **base}


def weights(artefacts: Artefacts, models: Iterable[str]) -> list[str]:
    """The file of the weights of each model."""
    return [files(artefacts, model)["weights"] for model in models]


def made(models: Iterable[str], file: str) -> list[str]:
    """A file of each model beside its weights, such as ``history.csv``."""
    return [f"results/models/{model}/{file}" for model in models]


def bases(artefacts: Artefacts, model: str) -> list[str]:
    """The models that a finetuned model starts from, the nearest first; none for others."""
    names: list[str] = []
    while base := getattr(artefacts.models[model].settings, "base", None):
        model = base
        names.append(model)
    return names


def check_context(artefacts: Artefacts, model: str, tokens: int, key: str) -> None:
    """Refuse more tokens than a model reads that is trained here; the ``key`` stands for them.

    Raises:
        UserError: naming the key.
    """
    architecture = getattr(artefacts.models[model].settings, "architecture", None)
    if architecture is not None and tokens > architecture.block:
        raise UserError(f"{key}: expected at most {architecture.block}, the context of models.{model}, found {tokens}")


def tokenizer_of(artefacts: Artefacts, model: str) -> str:
    """The tokenizer of a language model, as paths name it: the one that a trained model declares, or for a published model
    the model itself, whose directory holds it. A finetuned model has that of the model that it starts from in the end.
    """
    root = [model, *bases(artefacts, model)][-1]
    return getattr(artefacts.models[root].settings, "tokenizer", root)


def _check(artefacts: Artefacts, model: str) -> None:
    """Finetuned models start in the end from a model without a base, whose tokenizer has a name of its own."""
    seen, settings = [model], artefacts.models[model].settings
    while hasattr(settings, "base"):
        if settings.base in seen:
            circle = " → ".join([*seen, settings.base])
            raise UserError(f"models.{model}.base: expected a model to start from, found a circle: {circle}")
        seen.append(settings.base)
        settings = artefacts.models[settings.base].settings
    root = seen[-1]
    if len(seen) > 1 and root in artefacts.tokenizers and settings.kind in ("published", "encoder_decoder"):
        asset = getattr(artefacts.tokenizers[root].settings, "asset", None)
        if asset != settings.asset:
            raise UserError(
                f"tokenizers.{root}: expected another name, or the asset {settings.asset}, since models.{root} is what "
                f"models.{model} starts from and its own tokenizer has that name, too; found the asset {asset}"
            )
    _check_learns_pairs(artefacts, model)
    settings = artefacts.models[model].settings
    if settings.kind in ("dpo", "ppo"):
        check_context(artefacts, settings.base, settings.block, f"models.{model}.prompt_tokens and answer_tokens")
    _check_reward(artefacts, model)


def _check_learns_pairs(artefacts: Artefacts, model: str) -> None:
    """What is trained on pairs fits its architecture: a job would find out only when it starts."""
    settings, key = artefacts.models[model].settings, f"models.{model}"
    if settings.kind == "trained_on_pairs":
        tokenizer = artefacts.tokenizers[settings.tokenizer].settings
        if tokenizer.kind == "character" and tokenizer.dataset is None:
            raise UserError(
                f"{key}.tokenizer: expected one with a token that ends a text, such as the characters of a dataset, found "
                f"{settings.tokenizer!r}, whose tokens are the characters of a corpus alone"
            )
    elif settings.kind == "finetuned_on_pairs":
        pairs = is_encoder_decoder(settings, artefacts.models)
        if pairs and settings.adaptation.kind == "prefix":
            raise UserError(
                f"{key}.adaptation.kind: a prefix does not reach the encoder of {settings.base}; expected full or lora, found "
                "prefix"
            )
        if not pairs and settings.training.smoothing:
            raise UserError(
                f"{key}.training.smoothing: of encoder–decoders alone; expected 0, found {settings.training.smoothing}"
            )


def _check_reward(artefacts: Artefacts, model: str) -> None:
    """What scores a policy's answers does not come from that policy."""
    if (reward_model := getattr(artefacts.models[model].settings, "reward_model", None)) is None:
        return
    waiting, seen = [artefacts.reward_models[reward_model].settings.model], set()
    while waiting:
        if (name := waiting.pop()) == model:
            raise UserError(
                f"models.{model}.reward_model: expected one that does not start from models.{model}, found {reward_model!r}"
            )
        settings = artefacts.models[name].settings
        sources = [settings.base] if hasattr(settings, "base") else []
        if hasattr(settings, "reward_model"):
            sources.append(artefacts.reward_models[settings.reward_model].settings.model)
        waiting += [source for source in sources if source not in seen]
        seen |= set(sources)


def _tokens(artefacts: Artefacts, model: str) -> Files:
    return dict(tokenizers.tokens(tokenizer_of(artefacts, model), artefacts.models[model].settings.corpus))


def _trained_from(artefacts: Artefacts, model: str) -> Files:
    return {**_tokens(artefacts, model), **tokenizers.files(artefacts, artefacts.models[model].settings.tokenizer)}


def _finetuned_from(artefacts: Artefacts, model: str) -> Files:
    return {**_tokens(artefacts, model), **files(artefacts, artefacts.models[model].settings.base)}


def _pairs(artefacts: Artefacts, model: str) -> Files:
    dataset = artefacts.models[model].settings.dataset
    return {split: datasets.file(dataset, split) for split in ("train", "validation")}


def _trained_on_pairs_from(artefacts: Artefacts, model: str) -> Files:
    """The pairs, and the tokenizer of a model from random weights, or the base of a fine-tuned one."""
    settings = artefacts.models[model].settings
    if settings.kind == "trained_on_pairs":
        return {**_pairs(artefacts, model), **tokenizers.files(artefacts, settings.tokenizer)}
    return {**_pairs(artefacts, model), **files(artefacts, settings.base)}


def _preferences_from(artefacts: Artefacts, model: str) -> Files:
    return {**_pairs(artefacts, model), **files(artefacts, artefacts.models[model].settings.base)}


def _policy_from(artefacts: Artefacts, model: str) -> Files:
    """The preferences whose prompts are answered, the base, and what scores the answers."""
    from relab.artefacts import reward_models

    reward = reward_models.files(artefacts.models[model].settings.reward_model)
    return {**_preferences_from(artefacts, model), **{f"reward_{key}": path for key, path in reward.items()}}


def _imported_from(artefacts: Artefacts, model: str) -> Files:
    return {"files": assets.files(artefacts, artefacts.models[model].settings.asset)}


def _of_kind(*kinds: str, adapter: bool = False) -> Callable[[Any], bool]:
    """Whether settings are of one of some kinds, as an adapter or as a model with weights of its own."""
    return lambda settings: settings.kind in kinds and is_adapter(settings) == adapter


#: The kinds of models that learn from pairs of a source and its target.
ON_PAIRS = ("trained_on_pairs", "finetuned_on_pairs")

_training = declared("models", "model", threads=True)
_importing = declared("models", "model")

KIND = Kind(
    "models",
    "model",
    Model,
    "Language models and encoders",
    lambda artefacts, model: weights(artefacts, [model]),
    (
        Maker("train_model", _trained_from, _training, _of_kind("trained")),
        Maker("finetune_model", _finetuned_from, _training, _of_kind("finetuned"), seconds=50.0),
        Maker("train_adapter", _finetuned_from, _training, _of_kind("finetuned", adapter=True), seconds=40.0),
        Maker("train_on_pairs", _trained_on_pairs_from, _training, _of_kind(*ON_PAIRS), seconds=75.0),
        Maker("adapt_to_pairs", _trained_on_pairs_from, _training, _of_kind(*ON_PAIRS, adapter=True), seconds=45.0),
        Maker("train_dpo", _preferences_from, _training, _of_kind("dpo"), seconds=10.0),
        Maker("adapt_by_dpo", _preferences_from, _training, _of_kind("dpo", adapter=True), seconds=60.0),
        Maker("train_policy", _policy_from, _training, _of_kind("ppo"), seconds=40.0),
        Maker("adapt_policy", _policy_from, _training, _of_kind("ppo", adapter=True), seconds=90.0),
        Maker("import_model", _imported_from, _importing, _of_kind("published", "encoder_decoder"), seconds=15.0),
        Maker("import_encoder", _imported_from, _importing, _of_kind("encoder")),
    ),
    check=_check,
)
