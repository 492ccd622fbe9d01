"""Importing published encoders as model directories with one file of weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relab import gpt
from relab.published.checks.encoders import check_encoder
from relab.published.files import ENCODER, files_by_name
from relab.published.tokenizer import load_tokenizer
from relab.published.weights import read_network

WEIGHTS = ("config.json", "model.safetensors")
#: The files of an encoder's directory.
FILES = (*WEIGHTS, *gpt.TOKENIZER_FILES)


def import_encoder(paths: Iterable[Path], directory: Path) -> dict[str, Any]:
    """Turn the files of a published encoder into a model directory, without its pretraining head.

    Returns and raises as :func:`relab.published.model.import_model`; the weights of a head are among ``unused_weights``.
    """
    files = files_by_name(paths)
    network = read_network(files, ENCODER)
    tokenizer = load_tokenizer(files)
    check_encoder(network.model, tokenizer, next(iter(files.values())).parent)
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        gpt.save(network.model, folder, directory, files=WEIGHTS)
    return network.record()
