"""Reading published networks: a configuration and weights in any of the known formats become a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
)

from relab.checkpoints import user_errors
from relab.errors import UserError
from relab.gpt import parameter_count
from relab.published import files as published_files
from relab.published import gguf
from relab.published.files import companion_files, find_weights, linked_folder

#: The class that opens a model, by the kind of published model.
CLASSES = {
    published_files.CAUSAL: AutoModelForCausalLM,
    published_files.ENCODER_DECODER: AutoModelForSeq2SeqLM,
    published_files.ENCODER: AutoModel,
    published_files.CLASSIFIER: AutoModelForSequenceClassification,
}
#: What torch.compile and torch's data parallelism write before the names of the weights of a network.
_WRAPPERS = {r"_orig_mod\.": "", r"^module\.": ""}


@dataclass(frozen=True)
class PublishedNetwork:
    """A model with the ``format`` of its weights.

    ``unused_weights`` are names of weights in the files that the model does not have. ``tokens_beyond_vocabulary`` are special
    tokens that its configuration named, with their ids, although it has no such tokens (GPT-2's 50256 in a vocabulary of 320):
    it names them no more.
    """

    model: PreTrainedModel
    format: str
    unused_weights: list[str]
    tokens_beyond_vocabulary: dict[str, list[int]]

    def record(self) -> dict[str, Any]:
        """What the record of an import says of it, with the number of its ``parameters``."""
        return {key: value for key, value in vars(self).items() if key != "model"} | {"parameters": parameter_count(self.model)}


def read_network(files: Mapping[str, Path], kind: tuple[str, str]) -> PublishedNetwork:
    """The network among files (by name), of one of the kinds in :mod:`relab.published.files`.

    Raises:
        UserError: files that are no network of this kind, or not all of one.
    """
    weight_format, weight_files = find_weights(files)
    if weight_format == "gguf":
        path = next(iter(weight_files.values()))
        if kind is not published_files.CAUSAL:
            raise UserError(f"{path.name}: expected {kind[0]} in .safetensors or {published_files.PICKLE}, found GGUF")
        with user_errors(path, "a language model in GGUF"):
            model, unused = gguf.load_model(path), []
    else:
        if "config.json" not in files:
            raise UserError(f"model: found only {', '.join(files)}, expected config.json beside the weights")
        published_files.check_config(files["config.json"], kind)
        model, unused = _load_checkpoint(weight_format, files, weight_files, kind)
    return PublishedNetwork(model, weight_format, unused, _take_out_tokens_beyond_vocabulary(model))


def _load_checkpoint(
    weight_format: str, files: Mapping[str, Path], weight_files: Mapping[str, Path], kind: tuple[str, str]
) -> tuple[PreTrainedModel, list[str]]:
    """The model of a configuration and its weights, and the names of weights that it does not use."""
    asset_folder = files["config.json"].parent
    with linked_folder({**companion_files(files), **weight_files}) as folder, user_errors(asset_folder, kind[0]):
        model, info = CLASSES[kind].from_pretrained(
            folder, dtype="auto", use_safetensors=weight_format == "safetensors", weights_only=True, output_loading_info=True,
            key_mapping=_WRAPPERS, local_files_only=True, trust_remote_code=False,
        )  # fmt: skip
    # Transformers would write them again when the model is saved
    model._weight_conversions = [
        change for change in model._weight_conversions if not set(change.source_patterns) & set(_WRAPPERS)
    ]
    missing, unused = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing and all(name.startswith("pooler.") for name in missing):
        # a checkpoint of a masked language model has none, and features do not read it
        model.pooler, missing = None, []
    if missing:
        unused_note = f" (and {len(unused)} of the files have no place in it, as {unused[0]})" if unused else ""
        raise UserError(
            f"{asset_folder}: {len(missing)} weights of the model are missing, among them {', '.join(missing[:3])}{unused_note}"
            f"; expected {kind[0]}"
        )
    if hasattr(model.config, "auto_map"):
        del model.config.auto_map  # names code that is not there
    return model, unused


def _take_out_tokens_beyond_vocabulary(model: PreTrainedModel) -> dict[str, list[int]]:
    """Take the ids of special tokens that a model lacks out of its configurations; return them by their keys."""
    vocabulary = (model.get_output_embeddings() or model.get_input_embeddings()).weight.shape[0]
    lacking: dict[str, list[int]] = {}
    for config in filter(None, (model.config, getattr(model, "generation_config", None))):
        for key in [key for key in config.to_dict() if key.endswith("_token_id")]:
            value = getattr(config, key)
            ids = value if isinstance(value, list) else [] if value is None else [value]
            if beyond := [token for token in ids if token >= vocabulary]:
                setattr(config, key, [token for token in ids if token < vocabulary] or None)
                lacking[key] = sorted({*lacking.get(key, []), *beyond})
    return lacking
