"""Importing published tokenizers as tokenizer directories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from transformers import AutoTokenizer, BertTokenizer, GPT2Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from relab import characters
from relab.bytepair import END_OF_TEXT
from relab.checkpoints import user_errors
from relab.errors import UserError
from relab.published import gguf
from relab.published.checks.tokenizers import check_tokenizer
from relab.published.files import companion_files, files_by_name, linked_folder, read_json

BYTE_PAIRS = ("vocab.json", "merges.txt")
SENTENCEPIECE = ("spiece.model", "tokenizer.model")
#: BERT's file, which GPT-2s of Chinese and other languages have too.
WORD_PIECES = "vocab.txt"
EXPECTED = f"expected tokenizer.json, {' and '.join(BYTE_PAIRS)}, {WORD_PIECES}, {' or '.join(SENTENCEPIECE)}, or one .gguf"


def import_tokenizer(paths: Iterable[Path], directory: Path) -> PreTrainedTokenizerBase:
    """Turn the files of a published tokenizer, or of a model that has one, into a tokenizer directory; return it.

    Raises:
        UserError: there is no tokenizer among the files, or none that can be read.
    """
    tokenizer = load_tokenizer(files_by_name(paths))
    characters.save(tokenizer, directory)
    return tokenizer


def load_tokenizer(files: Mapping[str, Path]) -> PreTrainedTokenizerBase:
    """The tokenizer among files (by name): from tokenizer files, or from a GGUF file.

    Raises:
        UserError: as :func:`import_tokenizer`.
    """
    in_gguf = [path for name, path in files.items() if name.endswith(".gguf")]
    if _has_tokenizer_files(files):
        with linked_folder(companion_files(files)) as folder, user_errors(_folder_of(files), "a tokenizer"):
            tokenizer = _load_from_files(folder, files)
    elif len(in_gguf) == 1:
        with user_errors(in_gguf[0], "a GGUF file with a tokenizer"):
            tokenizer = gguf.load_tokenizer(in_gguf[0])
    else:
        raise UserError(f"tokenizer: found only {', '.join(files) or 'no file'}, {EXPECTED}")
    check_tokenizer(tokenizer, _folder_of(files))
    for key in ("is_local", "local_files_only"):  # how it was opened, which would be written down with it
        tokenizer.init_kwargs.pop(key, None)
    return tokenizer


def _has_tokenizer_files(files: Mapping[str, Path]) -> bool:
    has_byte_pairs = all(name in files for name in BYTE_PAIRS)
    return has_byte_pairs or any(name in files for name in ("tokenizer.json", WORD_PIECES, *SENTENCEPIECE))


def _folder_of(files: Mapping[str, Path]) -> Path:
    return next(iter(files.values())).parent


def _load_from_files(folder: Path, files: Mapping[str, Path]) -> PreTrainedTokenizerBase:
    """Load tokenizer files in ``folder``; where no settings name their class, it follows from their names."""
    if WORD_PIECES in files and not _class_is_named(files):
        return BertTokenizer.from_pretrained(folder, local_files_only=True)
    if any(name in files for name in ("tokenizer.json", "tokenizer_config.json", "config.json")):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if "vocab.json" in files:
        if END_OF_TEXT not in json.loads(files["vocab.json"].read_text(encoding="utf-8")):
            raise UserError(
                f"{files['vocab.json']}: has no {END_OF_TEXT}, which GPT-2's vocabulary has; "
                "expected tokenizer_config.json beside any other vocabulary"
            )
        return GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
    return _convert_sentencepiece(next(files[name] for name in SENTENCEPIECE if name in files))


def _class_is_named(files: Mapping[str, Path]) -> bool:
    """Whether settings name the class of a tokenizer, or files tell it beside which a list of word pieces is not needed."""
    if any(name in files for name in ("tokenizer.json", *BYTE_PAIRS)):
        return True
    settings = [name for name in ("tokenizer_config.json", "config.json") if name in files]
    return any(read_json(files[name]).get("tokenizer_class") for name in settings)


def _convert_sentencepiece(path: Path) -> PreTrainedTokenizerFast:
    """Convert a SentencePiece unigram model; Transformers' conversion of other SentencePiece models changes the tokenizer."""
    from sentencepiece import SentencePieceProcessor
    from transformers.convert_slow_tokenizer import SpmConverter

    processor = SentencePieceProcessor(model_file=str(path))
    converter = SpmConverter(SimpleNamespace(vocab_file=str(path), add_prefix_space=True))
    if converter.proto.trainer_spec.model_type != converter.proto.trainer_spec.UNIGRAM:
        raise UserError(f"{path}: is no unigram model; expected tokenizer_config.json or config.json beside any other")
    ids = {"bos_token": processor.bos_id(), "eos_token": processor.eos_id(), "unk_token": processor.unk_id()}
    special = {name: processor.id_to_piece(token_id) for name, token_id in ids.items() if token_id >= 0}
    return PreTrainedTokenizerFast(tokenizer_object=converter.converted(), clean_up_tokenization_spaces=False, **special)
