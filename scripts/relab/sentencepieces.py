"""SentencePiece tokenizers (Kudo & Richardson 2018) trained on a corpus, as Transformers tokenizers.

SentencePiece trains; its model is converted to a tokenizer of the `tokenizers` library, which gives the same ids.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from relab.errors import UserError
from relab.settings.tokenizers import SentencePieceTokenizer

UNKNOWN, BEGIN, END = "<unk>", "<bos>", "<eos>"
#: What SentencePiece decodes an unknown character to.
UNKNOWN_SURFACE = " ⁇ "
#: Bytes of the longest text used in training; SentencePiece's default leaves out texts above 4,192.
_LONGEST_TEXT = 2**26


def train(documents: Iterable[str], settings: SentencePieceTokenizer, source: str) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are merged byte pairs of characters, as SentencePiece learns them.

    A text is normalised (NFKC, and lower case where asked; blanks in a row are one, a line end is a blank), starts with
    ``<bos>`` and ends with ``<eos>`` where special tokens are asked for. The same documents give the same tokenizer.

    Args:
        documents: the training text; held in memory, ``settings.documents`` of them at most.
        settings: settings of the tokenizer.
        source: the source of the documents (a file) for the error message.

    Raises:
        UserError: the text does not allow a vocabulary of this size.
    """
    return _convert(train_sentencepiece(documents, settings, source))


def train_sentencepiece(documents: Iterable[str], settings: SentencePieceTokenizer, source: str) -> bytes:
    """Train SentencePiece; return the content of its ``.model`` file. Arguments and errors as of :func:`train`."""
    import sentencepiece

    model_file = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(text for text in documents),
            model_writer=model_file,
            model_type="bpe",
            vocab_size=settings.vocab_size,
            character_coverage=settings.character_coverage,
            byte_fallback=settings.byte_fallback,
            normalization_rule_name="nmt_nfkc_cf" if settings.lower_case else "nmt_nfkc",
            max_sentence_length=_LONGEST_TEXT,
            num_threads=1,
            minloglevel=2,  # its log is in the manner of C++ and cannot be told apart from errors
            **{"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1},
            **{"unk_piece": UNKNOWN, "bos_piece": BEGIN, "eos_piece": END},
        )
    except RuntimeError as error:
        raise UserError(f"{source}: {_explain(str(error), settings.vocab_size)}") from None
    return model_file.getvalue()


def _explain(message: str, size: int) -> str:
    """SentencePiece's error message in terms of the settings."""
    if match := re.search(r"value <= (\d+)", message):
        return f"its text makes a vocabulary of {match[1]} pieces, expected vocab_size {size}; lower it or take a larger corpus"
    if match := re.search(r"(\d+) vs (\d+)", message):
        return (
            f"its characters and the special tokens alone are {match[2]} pieces, expected at most vocab_size {size}; "
            "take a larger one, or a smaller character_coverage"
        )
    return f"no text to train a tokenizer on ({message})"


def _convert(model: bytes) -> PreTrainedTokenizerFast:
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    vocabulary = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    merges = [(left, right) for *_, left, right in sorted(_merges(proto.pieces, vocabulary))]
    byte_fallback = proto.trainer_spec.byte_fallback
    # SentencePiece takes unknown characters in a row for one
    model = models.BPE(vocab=vocabulary, merges=merges, unk_token=UNKNOWN, fuse_unk=True, byte_fallback=byte_fallback)
    backend = Tokenizer(model)
    blanks = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    backend.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), *blanks])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(token, vocabulary[token]) for token in (BEGIN, END)]
    )
    metaspace = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    steps = [decoders.ByteFallback(), decoders.Replace(UNKNOWN, UNKNOWN_SURFACE), metaspace]
    backend.decoder = decoders.Sequence(steps)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,  # "<eos>" in a text is text
    )


def _merges(pieces, vocabulary: dict[str, int]) -> Iterator[tuple[int, int, int, str, str]]:
    """Every pair of pieces that makes a piece, with their ids: SentencePiece merges whatever pair makes the earliest piece."""
    for piece in pieces:
        if piece.type != piece.NORMAL:
            continue
        for cut in range(1, len(piece.piece)):
            left, right = piece.piece[:cut], piece.piece[cut:]
            if left in vocabulary and right in vocabulary:
                yield vocabulary[piece.piece], vocabulary[left], vocabulary[right], left, right
