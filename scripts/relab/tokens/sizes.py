"""How many bytes of text tokens stand for, and whether a tokenizer changes a text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.encoding import encode, opening_tokens
from relab.tokens.store import Tokens

#: A text with what tokenizers change: capitals, accents, ligatures and other compatible forms, several blanks, tabs, line ends.
_PROBE = "A Été  ﬁn ½\tend\nB"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def byte_lengths(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """UTF-8 bytes that each token id decodes to, ``[ids]``; zero for special tokens and the unknown token."""
    vocabulary, backend = tokenizer.get_vocab(), tokenizer.backend_tokenizer
    decoder = json.dumps(json.loads(backend.to_str())["decoder"])
    lengths = np.zeros(max(vocabulary.values()) + 1, np.int64)
    for token, token_id in vocabulary.items():
        lengths[token_id] = _byte_length(token, decoder)
    for token_id, added in backend.get_added_tokens_decoder().items():
        lengths[token_id] = 0 if added.special else len(added.content.encode())
    lengths[[token_id for token_id in tokenizer.all_special_ids if token_id < len(lengths)]] = 0
    return lengths


def _byte_length(token: str, decoder: str) -> int:
    if '"ByteLevel"' in decoder:
        return len(token)  # each character of it stands for a byte
    if '"ByteFallback"' in decoder and _BYTE.fullmatch(token):
        return 1
    return len(token.replace("▁", " ").encode())


def is_lossy(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether texts that differ in case, characters or blanks become the same tokens, so that losses are of a changed text."""
    if alphabet(tokenizer) is not None:
        return False
    ids = encode(tokenizer, _PROBE, "a text")
    return tokenizer.decode(ids.tolist(), skip_special_tokens=True).removeprefix(" ") != _PROBE


@dataclass(frozen=True)
class TextBytes:
    """How many bytes of a corpus's text the targets of a model stand for.

    A token stands for the bytes that it decodes to, without the blank that SentencePiece puts before a text. Where a tokenizer
    changes a text, or does not know all of it, the decoded tokens are longer or shorter than the text: each decoded byte then
    stands for the same share of the text.

    Attributes:
        lengths: bytes that each token id decodes to ``[ids]``, on the device where targets are.
        shares: by split, bytes of text for each decoded byte; exactly 1 where tokens decode to the text itself.
        folded: whether the tokenizer changes a text: bits per byte do not compare with those of a text as written.
        opening: the token behind which a text begins with a blank that is not its own; -1 where there is none.
    """

    lengths: torch.Tensor
    shares: dict[str, float]
    folded: bool = False
    opening: int = -1

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, splits: dict[str, Tokens], device: torch.device) -> TextBytes:
        """The byte counts of the splits of a corpus, each of which is read once."""
        lengths, has_blank = byte_lengths(tokenizer), _prepends_blank(tokenizer)
        shares = {split: _bytes_per_decoded_byte(tokens, lengths, has_blank) for split, tokens in splits.items()}
        opening_ids = opening_tokens(tokenizer) if has_blank else []
        return cls(torch.from_numpy(lengths).to(device), shares, is_lossy(tokenizer), opening_ids[0] if opening_ids else -1)

    def decoded_bytes(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Bytes that targets decode to behind their inputs, a scalar (int64); targets below 0 are ignored."""
        is_target = targets >= 0
        return (
            torch.where(is_target, self.lengths[targets.clamp(min=0)], 0).sum() - (is_target & (inputs == self.opening)).sum()
        )


def _prepends_blank(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts a blank before a text, as SentencePiece does."""
    if alphabet(tokenizer) is not None:
        return False
    return "".join(tokenizer.convert_ids_to_tokens(encode(tokenizer, "a", "a text").tolist())).startswith("▁")


def _bytes_per_decoded_byte(tokens: Tokens, lengths: np.ndarray, has_blank: bool) -> float:
    counts = tokens.counts
    decoded_bytes = tokens.total(lengths) - counts.documents * has_blank
    return (counts.bytes + counts.documents * counts.separator_bytes) / decoded_bytes if decoded_bytes > 0 else 0.0
