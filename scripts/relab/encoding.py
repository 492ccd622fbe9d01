"""Texts as arrays of token ids, and back.

A text is text, wherever it comes from: a control token that is written in it (``<|endoftext|>``, ``[MASK]``) is read as the
characters that it is written in. Control tokens are put around texts by a tokenizer's template, between documents by a corpus's
separator and between turns by a chat template, and by nothing else.
"""

from __future__ import annotations

import os.path
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.errors import UserError

#: Stands within control tokens that are text; no text may hold it (a noncharacter of Unicode).
_GUARD = "\ufdd0"


def read_control_tokens_as_text(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, which from now on encodes control tokens in texts as the characters that they are written in."""
    tokenizer.split_special_tokens = True
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerBase, text: str, source: str) -> np.ndarray:
    """Encode a text without adding special tokens.

    Args:
        tokenizer: any tokenizer; for a character tokenizer a faster implementation encodes millions of characters in well
            under a second and gives the same ids.
        text: the text.
        source: the source of the text (a file) for the error message.

    Returns:
        Token ids ``[tokens]`` in the smallest unsigned type that holds the vocabulary.

    Raises:
        UserError: a character that a character tokenizer does not know, with its position.
    """
    dtype = np.uint16 if len(tokenizer) <= 2**16 else np.uint32
    characters = alphabet(tokenizer)
    if characters is None:
        ids = tokenizer(text, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        return np.asarray(ids, dtype=dtype)
    return _encode_characters(characters, text, source).astype(dtype)


def encode_documents(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of many texts with the special tokens of the tokenizer's template.

    Faster by a fifth than the tokenizer's own call, which finds where each token lies in the text.
    """
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = tokenizer.split_special_tokens  # a copy in another process has forgotten it
    return [encoding.ids for encoding in backend.encode_batch_fast(texts)]


def guard(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """A text to stand within one whose control tokens are control tokens, see :func:`encode_with_control_tokens`."""
    for token in _control_tokens(tokenizer):
        text = text.replace(token, token[0] + _GUARD + token[1:])
    return text


def unguarded(text: str) -> str:
    """What a reader sees of a guarded text."""
    return text.replace(_GUARD, "")


def encode_with_control_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text in which control tokens are control tokens, except guarded ones; nothing is put around it."""
    options = {"add_special_tokens": False, "return_attention_mask": False, "verbose": False}
    if _GUARD not in text:
        return tokenizer(text, split_special_tokens=False, **options)["input_ids"]
    ids = []
    for part in re.split(f"({'|'.join(map(re.escape, _control_tokens(tokenizer)))})", text):
        is_text = _GUARD in part or part not in _control_tokens(tokenizer)
        ids += tokenizer(unguarded(part), split_special_tokens=is_text, **options)["input_ids"] if part else []
    return ids


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The control tokens of a vocabulary as they are written, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    return sorted({token.content for token in added if token.special and len(token.content) > 1}, key=len, reverse=True)


def opening_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids that the tokenizer's template puts before every text: its beginning-of-text token, or nothing.

    A continuation of a prompt has to read the prompt as documents were read in training.
    """
    if alphabet(tokenizer) is not None:
        return []  # it has no template, and perhaps no token for the text below
    # with an empty text a token before it could not be told from one behind it, which are the same token for OPT
    encoded = tokenizer("a", return_special_tokens_mask=True, verbose=False)
    beginnings = (tokenizer.bos_token_id, tokenizer.cls_token_id)  # the second of word pieces
    has_opening = encoded["special_tokens_mask"][0] and encoded["input_ids"][0] in beginnings
    return encoded["input_ids"][:1] if has_opening else []


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int], special_tokens: bool = False) -> str:
    """Decode tokens to text, with or without special tokens."""
    return tokenizer.decode(token_ids, skip_special_tokens=not special_tokens, clean_up_tokenization_spaces=False)


def continuation(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    prompt_ids: Sequence[int],
    token_ids: Sequence[int],
    special_tokens: bool = False,
) -> str:
    """Decode the tokens behind a prompt: the text that follows the prompt in the decoded text of both.

    Decoded alone, SentencePiece tokens would lose the blank at their beginning, and the bytes of a character that began in the
    prompt their meaning: that character is part of the continuation. Changes to the prompt (lower case, a sign for an unknown
    character) are not. A blank at the end of the prompt that the tokenizer dropped is not repeated.

    Args:
        tokenizer: the tokenizer.
        prompt: the text of the prompt.
        prompt_ids: its token ids, with the tokens that the template puts before it.
        token_ids: token ids of the continuation.
        special_tokens: keep special tokens.
    """
    prompt_text, full_text = (decode(tokenizer, ids, special_tokens) for ids in (prompt_ids, [*prompt_ids, *token_ids]))
    text = full_text[len(os.path.commonprefix([prompt_text, full_text])) :]
    blank_dropped = prompt[-1:].isspace() and not prompt_text[-1:].isspace()
    return text.removeprefix(" ") if blank_dropped else text


def _encode_characters(characters: dict[str, int], text: str, source: str) -> np.ndarray:
    code_points = [ord(character) for character in characters]
    ids_by_code_point = np.full(max(code_points) + 2, -1, dtype=np.int32)  # the last one stands for all code points above
    ids_by_code_point[code_points] = list(characters.values())
    ids = ids_by_code_point.take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4"), mode="clip")
    is_unknown = ids < 0
    if is_unknown.any():
        raise UserError(_unknown_character_message(text, int(is_unknown.argmax()), len(characters), source))
    return ids


def _unknown_character_message(text: str, offset: int, alphabet_size: int, source: str) -> str:
    character = text[offset]
    name = unicodedata.name(character, "without a name")
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return (
        f"{source}: character {character!r} (U+{ord(character):04X} {name}) at offset {offset} (line {line}, column {column}) "
        f"is not among the {alphabet_size} characters of the tokenizer"
    )
