"""Small corpora with tokenizers of three kinds, tokenized."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from relab import bytepair, characters
from relab.corpora.storage import Writer
from relab.tokens.store import ROWS, Tokens
from relab.tokens.tokenize import tokenize

TEXTS = ["è già l'ora", "", "a", "là là là", "l'ora\n\nè già"]
MANY = [f"{number} è già l'ora" * (number % 4) for number in range(3 * ROWS + 7)]


def corpus(folder, texts):
    folder.mkdir(exist_ok=True)
    with Writer(folder / "train.parquet") as writer:
        for text in texts:
            writer.add(text)
    return folder / "train.parquet"


def letters(texts):
    return characters.build(set().union("\n", *texts))


def pairs(texts):
    return bytepair.train(texts or ["a"], 257, "the texts")


def templated(texts):
    """Words, with a mark before and behind each text; what is in none of the first two texts is unknown."""
    words = sorted({word for text in texts[:2] for word in text.split()})
    vocabulary = {word: index for index, word in enumerate(["<unk>", "<bos>", "<eos>", *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<bos>", eos_token="<eos>")


KINDS = pytest.mark.parametrize("build", [letters, pairs, templated])


def tokenized_in(folder):
    """A function from texts, a kind of tokenizer and a separator to the opened file, what was counted and the tokenizer."""

    def run(texts, build=letters, separator="\n\n", name="train.arrow", processes=1):
        tokenizer = build(texts)
        characters.save(tokenizer, folder / "tokenizer")
        counts = tokenize(corpus(folder, texts), folder / "tokenizer", separator, folder / name, processes)
        return Tokens(folder / name), counts, tokenizer

    return run
