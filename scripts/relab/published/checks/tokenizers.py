"""Whether a tokenizer reads what it writes."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from relab.encoding import decode, encode
from relab.errors import UserError

#: Tokens of the vocabulary that are written and read again, at most.
_TOKENS = 64


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, source: Path) -> None:
    """Refuse a tokenizer most of whose own tokens, written as text, are read as others or not at all.

    Some are in any sound one (halves of a character, what its normalisation replaces): half of them must not be.

    Raises:
        UserError: naming a token.
    """
    tokens = [token for token in plain_tokens(tokenizer, _TOKENS) if _words(tokenizer, [token])]
    lost = [token for token in tokens if _words(tokenizer, _read(tokenizer, token)) != _words(tokenizer, [token])]
    if len(lost) * 2 > len(tokens):
        text, again = (decode(tokenizer, token_ids) for token_ids in (lost[:1], _read(tokenizer, lost[0])))
        raise UserError(
            f"{source}: of {len(tokens)} tokens of the tokenizer {len(lost)} are not read as they are written, as {text!r}, "
            f"which is read as {again!r}; expected all files of one tokenizer"
        )


def plain_tokens(tokenizer: PreTrainedTokenizerBase, number: int) -> list[int]:
    """So many token ids of a vocabulary at most, evenly spread, none of them a special token."""
    plain = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    return [plain[index] for index in np.linspace(0, len(plain) - 1, min(number, len(plain))).astype(int)]


def _read(tokenizer: PreTrainedTokenizerBase, token: int) -> list[int]:
    return encode(tokenizer, decode(tokenizer, [token]), "a token").tolist()


def _words(tokenizer: PreTrainedTokenizerBase, token_ids: Collection[int]) -> str:
    """The letters and digits of tokens, without what normalisations change."""
    text = unicodedata.normalize("NFKD", decode(tokenizer, token_ids)).casefold()
    return "".join(character for character in text if character.isalnum())
