"""Opening model and tokenizer directories, trained here or imported, and what their special tokens are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from relab.bytepair import END_OF_TEXT
from relab.encoding import opening
from relab.errors import UserError

if TYPE_CHECKING:  # the class of models alone takes two seconds to load, which a job that opens a tokenizer need not wait for
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: What a directory must hold to be opened as a model, an adapter or a tokenizer, with the words for an error.
MODEL = ("a model directory", ("config.json", "model.safetensors"))
ADAPTER = ("an adapter", ("adapter_config.json", "adapter_model.safetensors"))
TOKENIZER = ("a tokenizer", ("tokenizer.json", "tokenizer_config.json"))

READING_ERRORS = (OSError, ValueError, RuntimeError, LookupError, ImportError, UnpicklingError, struct.error)


def load_model(directory: str | Path, device) -> PreTrainedModel:
    """The language model of a model directory on ``device``, in evaluation mode; of an adapter's, its base with the adapter.

    Its weights are float32 on a CPU and on Apple's GPU, where narrower types are slower or less exact, and as they are stored
    on CUDA. Code that may lie in the directory is not run. The base of an adapter stands in a directory beside its own.

    Raises:
        UserError: the directory holds no model, or one that cannot be read; an adapter whose base is not there, or another one.
    """
    if (Path(directory) / ADAPTER[1][0]).is_file():
        from relab import adapters

        directory = _holding(directory, *ADAPTER)
        base = adapters.base_of(directory)
        adapters.check_base(directory, base)
        model = load_model(base, device)
        with told_as_error(directory, "an adapter"):
            return adapters.opened(directory, model).to(device).eval()
    return _language_model(directory, "auto" if device.type == "cuda" else "float32").to(device).eval()


def load_for_training(directory: str | Path, device, dtype, quantisation=None) -> PreTrainedModel:
    """The language model of a model directory, no adapter, on ``device`` with weights of a type, in training mode.

    ``quantisation`` tells Transformers how weights are quantised, which are then on the device from the start.

    Raises:
        UserError: the directory holds no model, or one that cannot be read.
    """
    if quantisation is not None:
        more = {"quantization_config": quantisation, "device_map": {"": device}}
        return _language_model(directory, dtype, **more).train()
    return _language_model(directory, dtype).to(device).train()


def _language_model(directory: str | Path, dtype, **more) -> PreTrainedModel:
    directory = _holding(directory, *MODEL)
    with told_as_error(directory, "a language model"), without_bar():
        return AutoModelForCausalLM.from_pretrained(
            directory, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False, **more
        )


def weight_files(directory: str | Path) -> list[Path]:
    """The files that the weights of a model directory are read from, its own first; an adapter has its base's besides."""
    directory = Path(directory)
    if (directory / ADAPTER[1][0]).is_file():
        from relab import adapters

        return [directory / adapters.WEIGHTS, adapters.base_of(directory) / "model.safetensors"]
    return [directory / "model.safetensors"]


def load_encoder(directory: str | Path, device) -> PreTrainedModel:
    """The network of a model directory without a head, on ``device``, in evaluation mode: an encoder, or the body of a language
    model. Its weights are float32, and bfloat16 on CUDA.

    Raises:
        UserError: the directory holds no model, or one that cannot be read.
    """
    directory = _holding(directory, *MODEL)
    dtype = "bfloat16" if device.type == "cuda" else "float32"
    with told_as_error(directory, "an encoder"), without_report():
        model = AutoModel.from_pretrained(
            directory, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    return model.to(device).eval()


@contextmanager
def without_report() -> Iterator[None]:
    """Transformers reports each weight of a head that is left out or drawn, which is meant here, and shows a bar."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_bar():
            yield
    finally:
        logging.set_verbosity(before)


def load_tokenizer(directory: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a tokenizer directory or of a model directory.

    Raises:
        UserError: the directory holds no tokenizer, or one that cannot be read.
    """
    directory = _holding(directory, *TOKENIZER)
    with told_as_error(directory, "a tokenizer"):
        return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids at which a text ends by itself, ascending; none for a model of characters.

    Those that the model's configuration and its tokenizer name, and the mark that stood between the texts of its training where
    it is another one, as in a model that was tuned to end its answers by a mark of their own.
    """
    settings = (model.generation_config, model.config)
    found = [getattr(one, "eos_token_id", None) for one in settings] + [tokenizer.eos_token_id]
    found.append(tokenizer.get_added_vocab().get(END_OF_TEXT))
    ids = {one for value in found for one in (value if isinstance(value, (list, tuple)) else [value])}
    return sorted(ids - {None})


def start_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Token id that a text starts from where nothing stands before it; None for a model that knows none.

    What the tokenizer's template puts before every text; else the mark that stood between the texts of the training; else the
    beginning-of-text token that the tokenizer or the model's configuration names. In a model that was tuned to chat the last
    one may be the mark of a turn (SmolLM2: ``<|im_start|>``), behind which nothing but the name of a role ever stood.
    """
    candidates = [
        *opening(tokenizer),
        tokenizer.get_added_vocab().get(END_OF_TEXT),
        tokenizer.bos_token_id,
        *(getattr(settings, "bos_token_id", None) for settings in (model.generation_config, model.config)),
    ]
    return next((token for token in candidates if token is not None), None)


def start_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The token of :func:`start_token` as the vocabulary writes it, such as ``<|endoftext|>``: what tables say."""
    token = start_token(model, tokenizer)
    return None if token is None else tokenizer.convert_ids_to_tokens(token)


@contextmanager
def without_bar() -> Iterator[None]:
    """Transformers shows a progress bar even for a file of a few kilobytes, and in logs too."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def told_as_error(place: Path, what: str) -> Iterator[None]:
    """Tell as one sentence what Transformers, and the readers of files that it uses, raise for what they cannot open.

    Raises:
        UserError: instead of what they raise, with ``place`` and ``what`` it cannot be opened as.
    """

    try:
        yield
    except (*READING_ERRORS, SafetensorError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        words = first.partition(". ")[0].rstrip(".:")  # what follows is advice, such as to trust a file after all
        raise UserError(f"{place}: cannot be opened as {what} ({words})") from error


def _holding(directory: str | Path, what: str, names: tuple[str, ...]) -> Path:
    directory = Path(directory)
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise UserError(f"{directory}: {' and '.join(missing)} not found, expected {what} with {' and '.join(names)}")
    return directory
