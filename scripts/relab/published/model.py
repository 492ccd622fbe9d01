"""Published language models: whatever their files, they become a model directory with one file of weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from relab import gpt
from relab.checkpoints import told_as_error
from relab.errors import UserError
from relab.published import gguf
from relab.published.files import by_name, check_config, read_beside_weights, shown, weights
from relab.published.tokenizer import tokenizer_of

#: The files of the model directory.
FILES = (*gpt.FILES, *gpt.TOKENIZER_FILES)
#: Those of an encoder's.
ENCODER_WEIGHTS = ("config.json", "model.safetensors")
ENCODER_FILES = (*ENCODER_WEIGHTS, *gpt.TOKENIZER_FILES)


def import_model(paths: Iterable[Path], directory: Path) -> dict[str, Any]:
    """Turn the files of a published model into a model directory; the same files give the same bytes.

    Weights keep the type that they are stored in, but for quantized ones (GGUF), which become float32.

    Returns:
        What the record of the import tells besides: the ``format`` of the weights, the number of ``parameters``, and
        ``unused_weights``, names of weights in the files that the model has no place for.

    Raises:
        UserError: files that are no causal language model with a tokenizer, or not all of one.
    """
    files = by_name(paths)
    kind, found = weights(files)
    if kind != "gguf":
        _check_config(files)
    tokenizer = tokenizer_of(files)
    model, unused = (_gguf(found), []) if kind == "gguf" else _checkpoint(kind, files, found)
    _check_vocabulary(model, tokenizer, next(iter(files.values())).parent)
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder, save_jinja_files=False)  # a chat template stays in the tokenizer's settings
        gpt.save(model, folder, directory)
    return {"format": kind, "parameters": gpt.parameters(model), "unused_weights": unused}


def import_encoder(paths: Iterable[Path], directory: Path) -> dict[str, Any]:
    """Turn the files of a published encoder into a model directory, without the head it was trained with.

    Returns and raises as :func:`import_model`; the weights of a head are among ``unused_weights``.
    """
    files = by_name(paths)
    kind, found = weights(files)
    if kind == "gguf":
        raise UserError(f"{next(iter(found))}: expected an encoder in .safetensors or pytorch_model.bin, found GGUF")
    _check_config(files, encoder=True)
    tokenizer = tokenizer_of(files)
    model, unused = _checkpoint(kind, files, found, AutoModel)
    _check_vocabulary(model, tokenizer, next(iter(files.values())).parent)
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        gpt.save(model, folder, directory, files=ENCODER_WEIGHTS)
    return {"format": kind, "parameters": gpt.parameters(model), "unused_weights": unused}


def _check_config(files: Mapping[str, Path], encoder: bool = False) -> None:
    if "config.json" not in files:
        raise UserError(f"model: found only {', '.join(files)}, expected config.json beside the weights")
    check_config(files["config.json"], encoder)


def _gguf(found: Mapping[str, Path]) -> PreTrainedModel:
    path = next(iter(found.values()))
    with told_as_error(path, "a language model in GGUF"):
        return gguf.model(path)


def _checkpoint(
    kind: str, files: Mapping[str, Path], found: Mapping[str, Path], auto: Any = AutoModelForCausalLM
) -> tuple[PreTrainedModel, list[str]]:
    """The model of a configuration and its weights, and the names of weights that it does not use."""
    place = files["config.json"].parent
    words = "a language model" if auto is AutoModelForCausalLM else "an encoder"
    with shown({**read_beside_weights(files), **found}) as folder, told_as_error(place, words):
        model, info = auto.from_pretrained(
            folder, dtype="auto", use_safetensors=kind == "safetensors", weights_only=True, output_loading_info=True,
            local_files_only=True, trust_remote_code=False,
        )  # fmt: skip
    missing, unused = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing and all(name.startswith("pooler.") for name in missing):
        # a checkpoint of a masked language model has none, and features do not read it
        model.pooler, missing = None, []
    if missing:
        also = f" (and {len(unused)} of the files have no place in it, as {unused[0]})" if unused else ""
        raise UserError(f"{place}: {len(missing)} weights of the model are missing, among them {', '.join(missing[:3])}{also}")
    if hasattr(model.config, "auto_map"):
        del model.config.auto_map  # names code that is not there
    return model, unused


def _check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, place: Path) -> None:
    highest, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().weight.shape[0]
    if highest >= rows:
        raise UserError(f"{place}: the tokenizer has the token id {highest}, but the model has embeddings for {rows} tokens")
