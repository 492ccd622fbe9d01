"""Byte-level byte-pair encoding, as GPT-2's (Radford et al. 2019), trained on a corpus."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from relab.errors import UserError

#: GPT-2's one special token: it starts and ends a text, and stands for what is unknown, which no byte is.
END_OF_TEXT = "<|endoftext|>"


def train(documents: Iterable[str], vocab_size: int, source: str) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the 256 bytes, the end of a text and the pairs of tokens merged most often.

    Text is split as GPT-2 splits it before pairs are counted, with no blank put before it; every text can be encoded and is
    decoded exactly. The same documents give the same tokenizer. A pair that occurs only once is never merged.

    Args:
        documents: the training text.
        vocab_size: tokens of the vocabulary, at least 257.
        source: the source of the documents (a file) for the error message.

    Raises:
        UserError: the text has too few pairs for a vocabulary of this size.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(documents, trainer)
    if (size := backend.get_vocab_size()) < vocab_size:
        raise UserError(
            f"{source}: its pairs of tokens make a vocabulary of {size}, expected vocab_size {vocab_size}; "
            "take a smaller vocabulary or a larger corpus"
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )
