"""Published tokenizers: whatever their files, they become the two files of a tokenizer directory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from transformers import AutoTokenizer, GPT2Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from relab import characters
from relab.bytepair import END_OF_TEXT
from relab.checkpoints import told_as_error
from relab.errors import UserError
from relab.published import gguf
from relab.published.files import by_name, read_beside_weights, shown

BYTE_PAIRS = ("vocab.json", "merges.txt")
SENTENCEPIECE = ("spiece.model", "tokenizer.model")
EXPECTED = f"expected tokenizer.json, {' and '.join(BYTE_PAIRS)}, {' or '.join(SENTENCEPIECE)}, or one .gguf"


def import_tokenizer(paths: Iterable[Path], directory: Path) -> PreTrainedTokenizerBase:
    """Turn the files of a published tokenizer, or of a model that has one, into a tokenizer directory; return it.

    Raises:
        UserError: there is no tokenizer among them, or none that can be read.
    """
    found = tokenizer_of(by_name(paths))
    characters.save(found, directory)
    return found


def tokenizer_of(files: Mapping[str, Path]) -> PreTrainedTokenizerBase:
    """The tokenizer among files (by name): its own files, or what a GGUF file says of it.

    Raises:
        UserError: as :func:`import_tokenizer`.
    """
    in_gguf = [path for name, path in files.items() if name.endswith(".gguf")]
    if _has_own_files(files):
        with shown(read_beside_weights(files)) as folder, told_as_error(_place(files), "a tokenizer"):
            found = _open(folder, files)
    elif len(in_gguf) == 1:
        with told_as_error(in_gguf[0], "a GGUF file with a tokenizer"):
            found = gguf.tokenizer(in_gguf[0])
    else:
        raise UserError(f"tokenizer: found only {', '.join(files) or 'no file'}, {EXPECTED}")
    for key in ("is_local", "local_files_only"):  # how it was opened, which would be written down with it
        found.init_kwargs.pop(key, None)
    return found


def _has_own_files(files: Mapping[str, Path]) -> bool:
    pairs = all(name in files for name in BYTE_PAIRS)
    return "tokenizer.json" in files or pairs or any(name in files for name in SENTENCEPIECE)


def _place(files: Mapping[str, Path]) -> Path:
    return next(iter(files.values())).parent


def _open(folder: Path, files: Mapping[str, Path]) -> PreTrainedTokenizerBase:
    """Open tokenizer files in ``folder``; where nothing says what they are, by what their names mean."""
    if any(name in files for name in ("tokenizer.json", "tokenizer_config.json", "config.json")):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if "vocab.json" in files:
        if END_OF_TEXT not in json.loads(files["vocab.json"].read_text(encoding="utf-8")):
            raise UserError(
                f"{files['vocab.json']}: has no {END_OF_TEXT}, which GPT-2's vocabulary has; "
                "expected tokenizer_config.json beside any other vocabulary"
            )
        return GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
    return _sentencepiece(next(files[name] for name in SENTENCEPIECE if name in files))


def _sentencepiece(path: Path) -> PreTrainedTokenizerFast:
    """A unigram model of SentencePiece alone; of its other kind Transformers makes another tokenizer than the file's own."""
    from sentencepiece import SentencePieceProcessor
    from transformers.convert_slow_tokenizer import SpmConverter

    processor = SentencePieceProcessor(model_file=str(path))
    converter = SpmConverter(SimpleNamespace(vocab_file=str(path), add_prefix_space=True))
    if converter.proto.trainer_spec.model_type != converter.proto.trainer_spec.UNIGRAM:
        raise UserError(f"{path}: is no unigram model; expected tokenizer_config.json or config.json beside any other")
    ids = {"bos_token": processor.bos_id(), "eos_token": processor.eos_id(), "unk_token": processor.unk_id()}
    special = {name: processor.id_to_piece(one) for name, one in ids.items() if one >= 0}
    return PreTrainedTokenizerFast(tokenizer_object=converter.converted(), clean_up_tokenization_spaces=False, **special)
