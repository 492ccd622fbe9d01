"""Which files of an asset hold weights and which settings and tokenizers, and whether they can be imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relab.errors import UserError

INDEX_ENDING = ".safetensors.index.json"
PICKLE = "pytorch_model.bin"
#: Endings of the files with settings and tokenizers; apart from weights, Transformers sees no other files.
COMPANION_ENDINGS = (".json", ".txt", ".model", ".jinja")
EXPECTED = f"expected one or more .safetensors, one .gguf, or {PICKLE}"


def files_by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """The files by name, sorted.

    Raises:
        UserError: a file that does not exist, or two of the same name.
    """
    files: dict[str, Path] = {}
    for path in map(Path, paths):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        if path.name in files:
            raise UserError(f"{path}: {files[path.name]} has the same name")
        files[path.name] = path
    return dict(sorted(files.items()))


def find_weights(files: Mapping[str, Path]) -> tuple[str, dict[str, Path]]:
    """The format of the weights and their files, under the names that Transformers expects.

    Safetensors are preferred to GGUF, GGUF to a pickle, which is read by the loader that runs no code.

    Raises:
        UserError: no weights in a known format, several GGUF files, parts of safetensors without their index.
    """
    safetensors = {name: path for name, path in files.items() if name.endswith(".safetensors")}
    gguf = {name: path for name, path in files.items() if name.endswith(".gguf")}
    if safetensors:
        return "safetensors", _safetensors(files, safetensors)
    if len(gguf) == 1:
        return "gguf", gguf
    if gguf:
        raise UserError(f"weights: found the GGUF files {', '.join(gguf)}, {EXPECTED}")
    if PICKLE in files:
        return "pickle", {PICKLE: files[PICKLE]}
    raise UserError(f"weights: found only {', '.join(files) or 'no file'}, {EXPECTED}")


def _safetensors(files: Mapping[str, Path], parts: dict[str, Path]) -> dict[str, Path]:
    indexes = [name for name in files if name.endswith(INDEX_ENDING)]
    if not indexes and len(parts) == 1:
        return {"model.safetensors": next(iter(parts.values()))}
    if len(indexes) != 1:
        index_names = ", ".join(indexes) or "none"
        raise UserError(f"weights: {len(parts)} .safetensors files need one index (model{INDEX_ENDING}), found {index_names}")
    index = files[indexes[0]]
    try:
        expected = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{index}: expected JSON with a weight_map from weights to files") from None
    missing = sorted(expected - set(parts))
    if missing:
        raise UserError(f"{index}: names {missing[0]}, which is not among the files {', '.join(parts)}")
    return {f"model{INDEX_ENDING}": index, **{name: parts[name] for name in sorted(expected)}}


@contextmanager
def linked_folder(files: Mapping[str, Path]) -> Iterator[Path]:
    """Yield a temporary folder with links to these files under these names, and nothing else."""
    with TemporaryDirectory() as folder:
        for name, path in files.items():
            (Path(folder) / name).symlink_to(path.resolve())
        yield Path(folder)


def companion_files(files: Mapping[str, Path]) -> dict[str, Path]:
    """The files that Transformers reads besides weights: settings, vocabularies, templates."""
    return {name: path for name, path in files.items() if name.endswith(COMPANION_ENDINGS) and not name.endswith(INDEX_ENDING)}


#: What a model that is imported may be: in words, and Transformers' name of the table of their architectures.
CAUSAL = ("a causal language model", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
ENCODER = ("an encoder (a masked language model)", "MODEL_FOR_MASKED_LM_MAPPING_NAMES")
ENCODER_DECODER = ("an encoder–decoder", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES")
CLASSIFIER = ("a network for sequence classification", "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES")


def check_config(path: Path, kind: tuple[str, str] = CAUSAL) -> None:
    """Check that a ``config.json`` describes a model of a kind that Transformers knows.

    Raises:
        UserError: it does not, or its weights are quantized.
    """
    import transformers
    from transformers.models.auto import modeling_auto

    config = read_json(path)
    model_type, classes = config.get("model_type"), config.get("architectures") or []
    remote_code = "; code that comes with a model (auto_map) is never run" if "auto_map" in config else ""
    expected, known = kind[0], getattr(modeling_auto, kind[1])
    if model_type not in known:
        if kind is CAUSAL and model_type in getattr(modeling_auto, ENCODER_DECODER[1]):
            remote_code = "; an encoder–decoder is declared with kind: encoder_decoder"
        raise UserError(f"{path}: model_type is {model_type!r}, expected {expected} that Transformers knows{remote_code}")
    if kind is CAUSAL and config.get("is_encoder_decoder"):
        raise UserError(f"{path}: an encoder–decoder, expected {expected}; it is declared with kind: encoder_decoder")
    unknown = [name for name in classes if not hasattr(transformers, name)]
    if remote_code and unknown:
        raise UserError(f"{path}: architectures names {unknown[0]}, expected a class that Transformers has{remote_code}")
    if "quantization_config" in config:
        raise UserError(f"{path}: its weights are quantized (quantization_config), expected float weights or a GGUF file")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: it holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value
