"""Importing published networks (language models, encoder–decoders, encoders) as model directories with one file of weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from relab import gpt
from relab.checkpoints import user_errors
from relab.errors import UserError
from relab.published import files as published_files
from relab.published import gguf
from relab.published.files import companion_files, files_by_name, find_weights, linked_folder
from relab.published.tokenizer import load_tokenizer

#: The files of the model directory.
FILES = (*gpt.FILES, *gpt.TOKENIZER_FILES)
#: The files of an encoder's directory.
ENCODER_WEIGHTS = ("config.json", "model.safetensors")
ENCODER_FILES = (*ENCODER_WEIGHTS, *gpt.TOKENIZER_FILES)


#: The class that opens a model, by the kind of published model.
CLASSES = {
    published_files.CAUSAL: AutoModelForCausalLM,
    published_files.ENCODER_DECODER: AutoModelForSeq2SeqLM,
    published_files.ENCODER: AutoModel,
    published_files.CLASSIFIER: AutoModelForSequenceClassification,
}


def import_model(paths: Iterable[Path], directory: Path, encoder_decoder: bool = False) -> dict[str, Any]:
    """Turn the files of a published model into a model directory; the same files give the same bytes.

    Weights keep their type, except quantized ones (GGUF), which become float32.

    Returns:
        For the record of the import: the ``format`` of the weights, the number of ``parameters``, and ``unused_weights``: names
        of weights in the files that the model does not have.

    Raises:
        UserError: files that are no causal language model (or no encoder–decoder) with a tokenizer, or not all of one.
    """
    kind = published_files.ENCODER_DECODER if encoder_decoder else published_files.CAUSAL
    files = files_by_name(paths)
    weight_format, weight_files = find_weights(files)
    if weight_format == "gguf" and not encoder_decoder:
        model, unused = _load_gguf(weight_files), []
    else:
        weight_format, model, unused = load_checkpoint(files, kind)
    tokenizer = load_tokenizer(files)
    check_vocabulary(model, tokenizer, str(next(iter(files.values())).parent))
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder, save_jinja_files=False)  # a chat template stays in the tokenizer's settings
        gpt.save(model, folder, directory)
    return {"format": weight_format, "parameters": gpt.parameter_count(model), "unused_weights": unused}


def import_encoder(paths: Iterable[Path], directory: Path) -> dict[str, Any]:
    """Turn the files of a published encoder into a model directory, without its pretraining head.

    Returns and raises as :func:`import_model`; the weights of a head are among ``unused_weights``.
    """
    files = files_by_name(paths)
    weight_format, model, unused = load_checkpoint(files, published_files.ENCODER)
    tokenizer = load_tokenizer(files)
    check_vocabulary(model, tokenizer, str(next(iter(files.values())).parent))
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        gpt.save(model, folder, directory, files=ENCODER_WEIGHTS)
    return {"format": weight_format, "parameters": gpt.parameter_count(model), "unused_weights": unused}


def _load_gguf(weight_files: Mapping[str, Path]) -> PreTrainedModel:
    path = next(iter(weight_files.values()))
    with user_errors(path, "a language model in GGUF"):
        return gguf.load_model(path)


def load_checkpoint(files: Mapping[str, Path], kind: tuple[str, str]) -> tuple[str, PreTrainedModel, list[str]]:
    """The format of the weights, the model of a configuration with them, and the names of weights that it does not use.

    Raises:
        UserError: no model of the kind, weights in GGUF, or not all of them.
    """
    weight_format, weight_files = find_weights(files)
    if weight_format == "gguf":
        raise UserError(f"{next(iter(weight_files))}: expected {kind[0]} in .safetensors or pytorch_model.bin, found GGUF")
    if "config.json" not in files:
        raise UserError(f"model: found only {', '.join(files)}, expected config.json beside the weights")
    published_files.check_config(files["config.json"], kind)
    asset_folder = files["config.json"].parent
    with linked_folder({**companion_files(files), **weight_files}) as folder, user_errors(asset_folder, kind[0]):
        model, info = CLASSES[kind].from_pretrained(
            folder, dtype="auto", use_safetensors=weight_format == "safetensors", weights_only=True, output_loading_info=True,
            local_files_only=True, trust_remote_code=False,
        )  # fmt: skip
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
    return weight_format, model, unused


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Refuse a tokenizer with tokens that the model has no embeddings for; errors name the ``source``.

    Raises:
        UserError: there are such tokens.
    """
    highest_id, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().weight.shape[0]
    if highest_id >= rows:
        raise UserError(
            f"{source}: the tokenizer has the token id {highest_id}, but the model has embeddings for {rows} tokens"
        )
