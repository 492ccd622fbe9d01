"""How many bytes of text tokens stand for, and whether a tokenizer changes a text before it reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.encoding import encode, opening
from relab.tokens.store import Tokens

#: What tokenizers change: capitals, accents, ligatures and other compatible forms, blanks in a row, tabs, line ends.
_PROBE = "A Été  ﬁn ½\tend\nB"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def byte_lengths(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Bytes of UTF-8 that each token id writes into a text, ``[ids]``; special tokens and the unknown one write none."""
    vocabulary, backend = tokenizer.get_vocab(), tokenizer.backend_tokenizer
    decoder = json.dumps(json.loads(backend.to_str())["decoder"])
    lengths = np.zeros(max(vocabulary.values()) + 1, np.int64)
    for token, index in vocabulary.items():
        lengths[index] = _byte_length(token, decoder)
    for index, added in backend.get_added_tokens_decoder().items():
        lengths[index] = 0 if added.special else len(added.content.encode())
    lengths[[index for index in tokenizer.all_special_ids if index < len(lengths)]] = 0
    return lengths


def _byte_length(token: str, decoder: str) -> int:
    if '"ByteLevel"' in decoder:
        return len(token)  # each character of it stands for a byte
    if '"ByteFallback"' in decoder and _BYTE.fullmatch(token):
        return 1
    return len(token.replace("▁", " ").encode())


def folds(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether texts that differ in case, characters or blanks become the same tokens, so that losses are of another text."""
    if alphabet(tokenizer) is not None:
        return False
    ids = encode(tokenizer, _PROBE, "a text")
    return tokenizer.decode(ids.tolist(), skip_special_tokens=True).removeprefix(" ") != _PROBE


@dataclass(frozen=True)
class TextBytes:
    """How many bytes of a corpus's text the targets of a model stand for.

    A token stands for the bytes that it writes, without the blank that SentencePiece puts before a text. Where a tokenizer
    changes a text, or knows not all of it, what its tokens write is longer or shorter than the text: each byte of theirs then
    stands for the same share of the text's.

    Attributes:
        lengths: bytes that each token id writes ``[ids]``, on the device where targets are.
        shares: by split, bytes of text for each byte that its tokens write; exactly 1 where they write the text itself.
        folded: whether the tokenizer changes a text: bits per byte do not compare with those of a text as written.
        opening: the token behind which a text begins with a blank that is not its own; -1 where there is none.
    """

    lengths: torch.Tensor
    shares: dict[str, float]
    folded: bool = False
    opening: int = -1

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, splits: dict[str, Tokens], device: torch.device) -> TextBytes:
        """Those of the splits of a corpus; each is read once."""
        lengths, blank = byte_lengths(tokenizer), _puts_blank_before(tokenizer)
        shares = {split: _share(tokens, lengths, blank) for split, tokens in splits.items()}
        first = opening(tokenizer) if blank else []
        return cls(torch.from_numpy(lengths).to(device), shares, folds(tokenizer), first[0] if first else -1)

    def written(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Bytes that targets write behind their inputs, a scalar (int64); targets below 0 are none."""
        there = targets >= 0
        return torch.where(there, self.lengths[targets.clamp(min=0)], 0).sum() - (there & (inputs == self.opening)).sum()


def _puts_blank_before(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the first token of a text holds a blank that is not the text's, as SentencePiece's does."""
    if alphabet(tokenizer) is not None:
        return False
    return "".join(tokenizer.convert_ids_to_tokens(encode(tokenizer, "a", "a text").tolist())).startswith("▁")


def _share(tokens: Tokens, lengths: np.ndarray, blank: bool) -> float:
    counts = tokens.counts
    written = tokens.total(lengths) - counts.documents * blank
    return (counts.bytes + counts.documents * counts.separator_bytes) / written if written > 0 else 0.0
