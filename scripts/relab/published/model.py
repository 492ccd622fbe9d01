"""Importing published language models and encoder–decoders as model directories with one file of weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relab import gpt
from relab.published.checks.language_models import check_language_model
from relab.published.files import CAUSAL, ENCODER_DECODER, files_by_name
from relab.published.tokenizer import load_tokenizer
from relab.published.weights import read_network

#: The files of the model directory.
FILES = (*gpt.FILES, *gpt.TOKENIZER_FILES)


def import_model(paths: Iterable[Path], directory: Path, encoder_decoder: bool = False) -> dict[str, Any]:
    """Turn the files of a published model into a model directory; the same files give the same bytes.

    Weights keep their type, except quantized ones (GGUF), which become float32.

    Returns:
        For the record of the import: what :class:`relab.published.weights.PublishedNetwork` says of the model.

    Raises:
        UserError: files that are no causal language model (or no encoder–decoder) with a tokenizer, not all of one, or one that
            does not pass :mod:`relab.published.checks`.
    """
    files = files_by_name(paths)
    network = read_network(files, ENCODER_DECODER if encoder_decoder else CAUSAL)
    tokenizer = load_tokenizer(files)
    check_language_model(network.model, tokenizer, next(iter(files.values())).parent)
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder, save_jinja_files=False)  # a chat template stays in the tokenizer's settings
        gpt.save(network.model, folder, directory)
    return network.record()
