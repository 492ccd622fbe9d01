"""How many bytes of text tokens stand for, and which tokenizers change a text."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer

from relab import bytepair, characters, sentencepieces
from relab.corpora.storage import Writer
from relab.settings.tokenizers import SentencePieceTokenizer
from relab.tokens.sizes import TextBytes, byte_lengths, is_lossy
from relab.tokens.store import Tokens
from relab.tokens.tokenize import tokenize

TEXTS = ["Perché no? 😀 said the Bird.", "the bird, the BIRD and the bear", "La città è già là.\n\nThe   end…"] * 4


def pieces(**changed):
    told = {"kind": "sentencepiece", "corpus": "tales", "vocab_size": 70, "character_coverage": 1.0}
    return sentencepieces.train(TEXTS, SentencePieceTokenizer(**told | changed), "texts")


TOKENIZERS = {
    "characters": lambda checkout: characters.build("".join(TEXTS)),
    "byte pairs": lambda checkout: bytepair.train(TEXTS, 280, "texts"),
    "published byte pairs": lambda checkout: AutoTokenizer.from_pretrained(checkout / "tests" / "data" / "tiny_gpt2"),
    "pieces": lambda checkout: pieces(),
    "pieces in lower case": lambda checkout: pieces(lower_case=True),
    "pieces and bytes": lambda checkout: pieces(vocab_size=300, byte_fallback=True, character_coverage=0.98),
}
LOSSLESS = ("characters", "byte pairs", "published byte pairs")


@pytest.fixture(params=TOKENIZERS)
def named(request, checkout):
    return request.param, TOKENIZERS[request.param](checkout)


def tokens_of(folder, tokenizer, texts, separator="\n\n") -> Tokens:
    characters.save(tokenizer, folder / "tokenizer")
    with Writer(folder / "texts.parquet") as writer:
        for text in texts:
            writer.add(text)
    tokenize(folder / "texts.parquet", folder / "tokenizer", separator, folder / "texts.arrow")
    return Tokens(folder / "texts.arrow")


def test_which_tokenizers_change_a_text(named):
    name, tokenizer = named
    assert is_lossy(tokenizer) == (name not in LOSSLESS)


def test_tokens_write_the_bytes_of_what_they_decode_to(named):
    name, tokenizer = named
    lengths = byte_lengths(tokenizer)
    for text in TEXTS[:3]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        prefix = 0 if name in LOSSLESS else 1  # the blank that SentencePiece puts before a text
        assert lengths[ids].sum() == len(tokenizer.decode(ids).encode()) + prefix
        if name in LOSSLESS:
            assert lengths[ids].sum() == len(text.encode())


def test_special_tokens_write_nothing(named):
    _, tokenizer = named
    assert not byte_lengths(tokenizer)[tokenizer.all_special_ids].any()


@pytest.mark.parametrize("separator", ["\n\n", ""])
def test_all_tokens_of_a_split_stand_for_all_of_its_text(named, tmp_path, separator):
    name, tokenizer = named
    tokens = tokens_of(tmp_path, tokenizer, TEXTS, separator)
    text_bytes = TextBytes.of(tokenizer, {"train": tokens}, torch.device("cpu"))
    documents = [torch.tensor([0, *tokens.document(index).tolist()]) for index in range(len(tokens))]  # every token a target
    written = sum(int(text_bytes.decoded_bytes(document[:-1], document[1:])) for document in documents)
    assert written * text_bytes.shares["train"] == pytest.approx(sum(len(text.encode()) for text in TEXTS))
    if name in LOSSLESS:
        assert text_bytes.shares["train"] == 1.0
    assert text_bytes.folded == (name not in LOSSLESS)


def test_targets_that_are_none_write_nothing():
    text_bytes = TextBytes(torch.tensor([5, 1, 2]), {"train": 1.0})
    inputs = torch.zeros(2, 3, dtype=torch.int64)
    assert int(text_bytes.decoded_bytes(inputs, torch.tensor([[0, 1, -100], [2, -100, -100]]))) == 8
    assert int(text_bytes.decoded_bytes(inputs[:, :1], torch.tensor([[-100], [-100]]))) == 0


def test_targets_stand_for_the_text_behind_the_first_token_up_to_the_cut(named, tmp_path):
    _, tokenizer = named
    text = "the bear and the bird and the bird"  # which no tokenizer changes, so that all are exact
    tokens = tokens_of(tmp_path, tokenizer, [text])
    text_bytes = TextBytes.of(tokenizer, {"train": tokens}, torch.device("cpu"))
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for cut in range(2, len(tokens.document(0)) + 1):
        ids = torch.tensor(tokens.document(0)[:cut].astype("int64"))
        expected = text[offsets[0][1] : max(end for _, end in offsets[:cut])]
        assert int(text_bytes.decoded_bytes(ids[:-1], ids[1:])) * text_bytes.shares["train"] == len(expected), cut


def test_a_text_whose_tokens_write_nothing_has_no_bytes(tmp_path):
    tokens = tokens_of(tmp_path, bytepair.train(TEXTS, 280, "texts"), ["", ""], "")
    assert TextBytes.of(bytepair.train(TEXTS, 280, "texts"), {"train": tokens}, torch.device("cpu")).shares == {"train": 0.0}
