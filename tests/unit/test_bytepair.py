"""Byte-level byte-pair encoding trained on a text."""

from __future__ import annotations

import pytest
from support.runs import CHECKOUT

from relab import bytepair
from relab.errors import UserError

PLAY = (CHECKOUT / "tests" / "data" / "comedy_of_errors_act_1.en.md").read_text(encoding="utf-8")
TEXTS = ["The merchant's son", "  two  blanks\n\n", "città 😀 ½ \x00", "", "1592"]


def trained(vocab_size=400, text=PLAY):
    return bytepair.train(text.splitlines(keepends=True), vocab_size, "play.parquet")


def test_every_text_is_encoded_and_decoded_exactly():
    tokenizer = trained()
    assert len(tokenizer) == 400
    assert [tokenizer.decode(tokenizer(text).input_ids) for text in TEXTS] == TEXTS
    assert len(tokenizer("merchant").input_ids) < len("merchant")


def test_the_vocabulary_is_bytes_the_end_of_a_text_and_merges():
    tokenizer = trained(257)
    assert len(tokenizer) == 257
    assert len(tokenizer("città").input_ids) == len("città".encode())
    ids = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id}
    assert ids == {tokenizer.convert_tokens_to_ids("<|endoftext|>")}
    assert tokenizer("a<|endoftext|>b").input_ids[1] == tokenizer.eos_token_id
    assert tokenizer("ab").input_ids == tokenizer("ab", add_special_tokens=False).input_ids


def test_no_blank_is_put_before_a_text_and_words_are_split_as_gpt_2_does():
    tokenizer = trained()
    assert tokenizer.tokenize("a b") == ["a", "Ġb"]
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("we'll go 42!")
    assert [piece for piece, _ in pieces] == ["we", "'ll", "Ġgo", "Ġ42", "!"]


def test_the_most_frequent_pairs_are_merged_first():
    text = "abab abab ab c d " * 5  # " ab" begins 14 words, "ab" follows "ab" in 10
    merges = [set(trained(size, text).get_vocab()) - set(trained(257).get_vocab()) for size in (258, 259, 260)]
    assert merges == [{"ab"}, {"ab", "Ġab"}, {"ab", "Ġab", "Ġabab"}]


def test_the_same_documents_give_the_same_tokenizer():
    assert trained().backend_tokenizer.to_str() == trained().backend_tokenizer.to_str()


def test_a_vocabulary_beyond_the_text_is_refused():
    with pytest.raises(UserError, match=r"play.parquet: its pairs of tokens make a vocabulary of 258, expected vocab_size 300"):
        trained(300, "ab ab")
    with pytest.raises(UserError, match="make a vocabulary of 257, expected"):
        trained(300, "")
