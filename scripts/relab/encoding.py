"""Texts as arrays of token ids, and back."""

from __future__ import annotations

import os.path
import unicodedata
from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.errors import UserError


def encode(tokenizer: PreTrainedTokenizerBase, text: str, place: str) -> np.ndarray:
    """Encode a text without adding special tokens.

    Args:
        tokenizer: any tokenizer; one of single characters takes a path of its own, which encodes millions of
            characters in well under a second and gives the same ids.
        text: the text.
        place: where it comes from (a file), for the error.

    Returns:
        Token ids ``[tokens]`` in the smallest unsigned type that holds the vocabulary.

    Raises:
        UserError: a character that a character tokenizer does not know, with its place.
    """
    dtype = np.uint16 if len(tokenizer) <= 2**16 else np.uint32
    characters = alphabet(tokenizer)
    if characters is None:
        ids = tokenizer(text, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        return np.asarray(ids, dtype=dtype)
    return _encode_characters(characters, text, place).astype(dtype)


def opening(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids that the tokenizer's template puts before every text: its beginning-of-text token, or nothing.

    What goes on from a prompt has to read it as documents were read in training.
    """
    if alphabet(tokenizer) is not None:
        return []  # it has no template, and perhaps no token for the text below
    # of an empty text alone one could not tell a mark before it from one behind it, which are the same token for OPT
    encoded = tokenizer("a", return_special_tokens_mask=True, verbose=False)
    begins = encoded["special_tokens_mask"][0] and encoded["input_ids"][0] == tokenizer.bos_token_id
    return encoded["input_ids"][:1] if begins else []


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int], marks: bool = False) -> str:
    """Tokens as text, with or without special tokens such as those that mark the beginning and the end of a text."""
    return tokenizer.decode(token_ids, skip_special_tokens=not marks, clean_up_tokenization_spaces=False)


def continuation(
    tokenizer: PreTrainedTokenizerBase, prompt: str, prompt_ids: Sequence[int], token_ids: Sequence[int], marks: bool = False
) -> str:
    """Tokens as the text that they are behind a prompt: what follows the prompt in the text of both.

    By themselves the tokens of SentencePiece would lose the blank that they begin with, and the bytes of a character that
    began in the prompt their meaning: that character is part of the continuation. What the tokenizer made of the prompt (lower
    case, a sign for what it lacks) is no part of it. A blank at the end of the prompt that the tokenizer has dropped stands
    between both already, so that it is not there a second time.

    Args:
        tokenizer: the tokenizer.
        prompt: the prompt as it was given.
        prompt_ids: its token ids, with what its template puts before it.
        token_ids: those of the continuation.
        marks: show special tokens.
    """
    before, whole = (decode(tokenizer, ids, marks) for ids in (prompt_ids, [*prompt_ids, *token_ids]))
    text = whole[len(os.path.commonprefix([before, whole])) :]
    dropped = prompt[-1:].isspace() and not before[-1:].isspace()
    return text.removeprefix(" ") if dropped else text


def _encode_characters(characters: dict[str, int], text: str, place: str) -> np.ndarray:
    known = [ord(character) for character in characters]
    ids_by_code_point = np.full(max(known) + 2, -1, dtype=np.int32)  # the last one stands for all code points above
    ids_by_code_point[known] = list(characters.values())
    ids = ids_by_code_point.take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4"), mode="clip")
    unknown = ids < 0
    if unknown.any():
        raise UserError(_unknown(text, int(unknown.argmax()), len(characters), place))
    return ids


def _unknown(text: str, offset: int, known: int, place: str) -> str:
    character = text[offset]
    name = unicodedata.name(character, "without a name")
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return (
        f"{place}: character {character!r} (U+{ord(character):04X} {name}) at offset {offset} (line {line}, column {column}) "
        f"is not among the {known} characters of the tokenizer"
    )
