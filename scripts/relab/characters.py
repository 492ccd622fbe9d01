"""Character tokenizers: every character of a corpus is one token (Karpathy's lecture)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from relab.errors import UserError
from relab.files import replacing

#: The files of a tokenizer directory.
FILES = ("tokenizer.json", "tokenizer_config.json")
#: The special tokens of a tokenizer of symbols, as Transformers calls them.
SPECIAL_TOKENS = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def build(characters: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are these characters, numbered by code point.

    It changes nothing in a text (no normalisation, no special tokens), so that decoding gives back every text exactly,
    and it has no token for unknown characters: encoding one is an error. The error of :func:`relab.encoding.encode` names the
    character and its position.

    Raises:
        UserError: there is no character.
    """
    alphabet = sorted(set(characters))
    if not alphabet:
        raise UserError("a character tokenizer needs at least one character, found an empty text")
    backend = Tokenizer(models.WordLevel({character: index for index, character in enumerate(alphabet)}))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False)


def build_symbols(texts: Iterable[str], pattern: str | None) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the matches of a regular expression in texts, numbered in order, or their characters.

    Beside them it has ``<pad>``, ``</s>``, which it puts behind every text, and ``<unk>``, which stands for all others. Decoded
    tokens are joined as they are.

    Raises:
        UserError: nothing matches; a text of which something is left out by the pattern.
    """
    expression = re.compile(pattern or r"[\s\S]")
    symbols = set()
    for text in texts:
        matches = [match[0] for match in expression.finditer(text)]
        if "".join(matches) != text:
            raise UserError(f"pattern: expected one whose matches make up every text, found {pattern!r} and {text!r}")
        symbols.update(matches)
    if not symbols:
        raise UserError("a tokenizer of symbols needs at least one, found empty texts")
    vocabulary = {symbol: index for index, symbol in enumerate([*SPECIAL_TOKENS.values(), *sorted(symbols)])}
    backend = Tokenizer(models.WordLevel(vocabulary, SPECIAL_TOKENS["unk_token"]))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(expression.pattern), behavior="isolated")
    backend.decoder = decoders.Fuse()
    end = SPECIAL_TOKENS["eos_token"]
    backend.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, vocabulary[end])])
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **SPECIAL_TOKENS)


def alphabet(tokenizer: PreTrainedTokenizerBase) -> dict[str, int] | None:
    """The characters of a tokenizer made by :func:`build` with their token ids; None for any other tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.model, models.WordLevel):
        return None
    vocabulary = backend.get_vocab()
    plain = backend.normalizer is None and not backend.get_added_tokens_decoder()
    return vocabulary if plain and all(len(token) == 1 for token in vocabulary) else None


def save(tokenizer: PreTrainedTokenizerBase, directory: str | Path) -> list[Path]:
    """Write the files that ``AutoTokenizer.from_pretrained`` reads, each whole or not at all; return their paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory, prefix=".") as temporary:
        tokenizer.save_pretrained(temporary)
        for name in FILES:
            with replacing(directory / name) as path:
                path.write_bytes((Path(temporary) / name).read_bytes())
    return [directory / name for name in FILES]
