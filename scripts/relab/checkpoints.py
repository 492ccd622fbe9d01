"""Loading model and tokenizer directories, trained here or imported, and finding their special tokens."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging

from relab.bytepair import END_OF_TEXT
from relab.encoding import opening_tokens, read_control_tokens_as_text
from relab.errors import UserError
from relab.precision import AUTO, BFLOAT16, BITSANDBYTES, DYNAMIC_INT8, FLOAT32, resolve
from relab.quantisation import bitsandbytes_settings, check_device, prepare_bitsandbytes, quantise_dynamically

if TYPE_CHECKING:  # the class of models alone takes two seconds to load, which a job that opens a tokenizer need not wait for
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: What a model, adapter or tokenizer directory must hold; the name of each is for errors.
MODEL = ("a model directory", ("config.json", "model.safetensors"))
ADAPTER = ("an adapter", ("adapter_config.json", "adapter_model.safetensors"))
TOKENIZER = ("a tokenizer", ("tokenizer.json", "tokenizer_config.json"))

#: What Transformers raises for files that are missing or damaged: a TypeError for a tokenizer without its vocabulary, an
#: AssertionError for a padding token beyond it.
READING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    RuntimeError,
    LookupError,
    ImportError,
    AssertionError,
    UnpicklingError,
    struct.error,
)


def load_model(directory: str | Path, device, precision: str = AUTO) -> PreTrainedModel:
    """The language model of a model directory on ``device``, in evaluation mode; of an adapter's, its base with the adapter.

    Code that may lie in the directory is not run. The base of an adapter is in a directory beside the adapter's.

    Args:
        precision: the type of its weights, those of an adapter among them, see :mod:`relab.precision`. ``auto`` is float32, and
            on CUDA as they are stored. Quantised (:mod:`relab.quantisation`): those of linear layers are, and no adapter's.

    Raises:
        UserError: the directory holds no model, or one that cannot be read; the base of an adapter is missing or another one;
            a model that cannot be quantised, or not on this device.
    """
    check_device(precision, device)
    if (Path(directory) / ADAPTER[1][0]).is_file():
        from relab import adapters

        directory = _directory_with(directory, *ADAPTER)
        base = adapters.base_directory(directory)
        adapters.check_base(directory, base)
        model = load_model(base, device, AUTO if precision == DYNAMIC_INT8 else precision)
        with user_errors(directory, "an adapter"):
            model = adapters.open_adapter(directory, model, one_type=precision in (FLOAT32, BFLOAT16)).to(device)
    else:
        model = _load_base(directory, device, precision)
    if precision == DYNAMIC_INT8:  # last, since PEFT knows no such layers
        model = quantise_dynamically(model, str(directory))
    return model.eval()


def _load_base(directory: str | Path, device, precision: str) -> PreTrainedModel:
    if precision in BITSANDBYTES:
        settings = {"quantization_config": bitsandbytes_settings(precision, device), "device_map": {"": device}}
        model = _load_language_model(directory, AUTO if device.type == "cuda" else resolve(AUTO, device), **settings)
        return prepare_bitsandbytes(model, str(directory))
    dtype = AUTO if precision == DYNAMIC_INT8 else precision
    # Transformers' "auto" is the stored type, too
    return _load_language_model(directory, dtype if device.type == "cuda" else resolve(dtype, device)).to(device)


def load_for_training(directory: str | Path, device, dtype, quantisation=None) -> PreTrainedModel:
    """The language model of a model directory, no adapter, on ``device`` with weights of a type, in training mode.

    ``quantisation``: Transformers' settings for quantised weights, which are loaded on the device directly.

    Raises:
        UserError: the directory holds no model, or one that cannot be read.
    """
    if quantisation is not None:
        options = {"quantization_config": quantisation, "device_map": {"": device}}
        model = _load_language_model(directory, dtype, **options)
        return prepare_bitsandbytes(model, str(directory), training=True).train()
    return _load_language_model(directory, dtype).to(device).train()


def _load_language_model(directory: str | Path, dtype, **options) -> PreTrainedModel:
    directory = _directory_with(directory, *MODEL)
    with user_errors(directory, "a language model"), without_progress_bar():
        offline = {"local_files_only": True, "trust_remote_code": False}
        # Transformers has some encoder–decoders as language models too, without their encoder
        is_pair = AutoConfig.from_pretrained(directory, **offline).is_encoder_decoder
        auto_class = AutoModelForSeq2SeqLM if is_pair else AutoModelForCausalLM
        return auto_class.from_pretrained(directory, dtype=dtype, use_safetensors=True, **offline, **options)


def load_encoder(directory: str | Path, device, precision: str = AUTO) -> PreTrainedModel:
    """The network of a model directory without a head, on ``device``, in evaluation mode: an encoder, or the body of a language
    model.

    Args:
        precision: the type of its weights, see :func:`relab.precision.resolve`.

    Raises:
        UserError: the directory holds no model, or one that cannot be read.
    """
    directory = _directory_with(directory, *MODEL)
    dtype = resolve(precision, device)
    with user_errors(directory, "an encoder"), without_weight_report():
        model = AutoModel.from_pretrained(
            directory, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    return model.to(device).eval()


@contextmanager
def without_weight_report() -> Iterator[None]:
    """Switch off Transformers' progress bar and its report of weights of a head that are left out or newly drawn."""
    previous = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_progress_bar():
            yield
    finally:
        logging.set_verbosity(previous)


def load_tokenizer(directory: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a tokenizer directory or of a model directory, to which a text is text (:mod:`relab.encoding`).

    Raises:
        UserError: the directory holds no tokenizer, or one that cannot be read.
    """
    directory = _directory_with(directory, *TOKENIZER)
    with user_errors(directory, "a tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    return read_control_tokens_as_text(tokenizer)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids that end a text, ascending; none for a model of characters.

    The end tokens of the model's configuration and of its tokenizer, and the token between its training texts where that is
    another one, as in a model that was tuned to end its answers with a token of their own.
    """
    candidates = [getattr(config, "eos_token_id", None) for config in (model.generation_config, model.config)]
    candidates += [tokenizer.eos_token_id, tokenizer.get_added_vocab().get(END_OF_TEXT)]
    ids = {token for value in candidates for token in (value if isinstance(value, (list, tuple)) else [value])}
    return sorted(ids - {None})


def start_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Token id that a text without a prompt starts from; None for a model that has none.

    What the tokenizer's template puts before every text; else the token between training texts; else the beginning-of-text
    token of the tokenizer or of the model's configuration. In a model that was tuned to chat the last one may be the token of
    a turn (SmolLM2: ``<|im_start|>``), which only the name of a role followed in training.
    """
    candidates = [
        *opening_tokens(tokenizer),
        tokenizer.get_added_vocab().get(END_OF_TEXT),
        tokenizer.bos_token_id,
        *(getattr(settings, "bos_token_id", None) for settings in (model.generation_config, model.config)),
    ]
    return next((token for token in candidates if token is not None), None)


def start_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The token of :func:`start_token` as the vocabulary writes it, such as ``<|endoftext|>``."""
    token = start_token(model, tokenizer)
    return None if token is None else tokenizer.convert_ids_to_tokens(token)


@contextmanager
def without_progress_bar() -> Iterator[None]:
    """Switch off Transformers' progress bar, which it shows even for a file of a few kilobytes, and in logs too."""
    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


@contextmanager
def user_errors(path: Path, expected: str) -> Iterator[None]:
    """Turn the errors that Transformers and its file readers raise for unreadable files into a UserError of one sentence.

    Raises:
        UserError: ``path`` cannot be opened as what was ``expected``.
    """

    try:
        yield
    except (*READING_ERRORS, SafetensorError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        reason = first.partition(". ")[0].rstrip(".:")  # what follows is advice, such as to trust a file after all
        raise UserError(f"{path}: cannot be opened as {expected} ({reason})") from error


def _directory_with(directory: str | Path, expected: str, names: tuple[str, ...]) -> Path:
    directory = Path(directory)
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise UserError(f"{directory}: {' and '.join(missing)} not found, expected {expected} with {' and '.join(names)}")
    return directory
