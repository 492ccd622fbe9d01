"""SentencePiece tokenizers: the ids of SentencePiece itself, in a directory that Transformers opens."""

from __future__ import annotations

import pytest
import sentencepiece
from transformers import AutoTokenizer

from relab import characters, sentencepieces
from relab.errors import UserError
from relab.settings.tokenizers import SentencePieceTokenizer

DOCUMENTS = [
    "Once upon a time there was a little bird. It was a very little bird!",
    "The bird sang a song; the song was long.\nThe   END.",
    "One day, the bird's friend Jack saw a big, big bear... and ran.",
    "\u201cDon\u2019t run,\u201d said the bear. \u201cI am a kind bear.\u201d",
    "A caf\u00e9 in the wood sold cake to the bird and to the bear.",
] * 4
HARD = [
    *DOCUMENTS,
    "",
    "   ",
    " two  blanks ",
    "x\u2603y \u2603\u2603 \u2603",
    "\u65e5\u672c\u8a9e text",
    "\ufb01ne \u2167 \u2460 \u00a0 \u00c0\u00c9 \u0130 \u00df",
    "tab\tand\nline",
    "a\u2581b",
    "<bos> is no token <eos> here",
    "zero\u200bwidth\u200d",
    "b" * 200,
    "\U0001f600 smile",
]


def settings(**changed) -> SentencePieceTokenizer:
    told = {"kind": "sentencepiece", "corpus": "tales", "vocab_size": 120, "character_coverage": 1.0}
    return SentencePieceTokenizer(**told | changed)


CASES = {
    "as it is": {},
    "lower case": {"lower_case": True},
    "characters left out": {"lower_case": True, "character_coverage": 0.98},
    "bytes": {"byte_fallback": True, "vocab_size": 400, "character_coverage": 0.98},
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def pair(request, tmp_path):
    """A tokenizer as it is opened from its directory, and SentencePiece's own from the same training."""
    told = settings(**request.param)
    characters.save(sentencepieces.train(DOCUMENTS, told, "here"), tmp_path)
    own = sentencepiece.SentencePieceProcessor(model_proto=sentencepieces.train_sentencepiece(DOCUMENTS, told, "here"))
    return AutoTokenizer.from_pretrained(tmp_path), own, told


def test_ids_are_those_of_sentencepiece(pair):
    tokenizer, own, told = pair
    assert len(tokenizer) == own.get_piece_size() == told.vocab_size
    for text in HARD:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == own.encode(text), text
        assert tokenizer(text)["input_ids"] == [own.bos_id(), *own.encode(text), own.eos_id()], text


def test_texts_are_those_of_sentencepiece(pair):
    tokenizer, own, _ = pair
    for text in HARD:
        ids = own.encode(text)
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == own.decode(ids), text


def test_what_is_unknown_shows_as_sentencepiece_shows_it_and_bytes_know_all():
    left_out = sentencepieces.train(DOCUMENTS, settings(), "here")
    ids = left_out("a \u2603", add_special_tokens=False)["input_ids"]
    assert ids.count(left_out.unk_token_id) == 1 and " \u2047 " in left_out.decode(ids)
    told = settings(byte_fallback=True, vocab_size=400)
    backed = sentencepieces.train(DOCUMENTS, told, "here")
    ids = backed("a \u2603", add_special_tokens=False)["input_ids"]
    assert backed.unk_token_id not in ids and backed.decode(ids) == "a \u2603"


def test_the_marks_of_a_text(tmp_path):
    characters.save(sentencepieces.train(DOCUMENTS, settings(), "here"), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert (tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token) == ("<unk>", "<bos>", "<eos>")
    ids = tokenizer("the bird", truncation=True, max_length=4)["input_ids"]
    assert len(ids) == 4 and ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(tokenizer("the bird")["input_ids"], skip_special_tokens=True) == "the bird"


def test_the_same_documents_give_the_same_files(tmp_path):
    for name in ("one", "other"):
        characters.save(sentencepieces.train(DOCUMENTS, settings(), "here"), tmp_path / name)
    for name in characters.FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_long_documents_are_not_left_out():
    long = ["quartz " * 1000]  # beyond the 4,192 bytes that SentencePiece takes by itself
    tokenizer = sentencepieces.train([*DOCUMENTS, *long], settings(vocab_size=150), "here")
    assert "\u2581quartz" in tokenizer.get_vocab()


@pytest.mark.parametrize(
    ("documents", "changed", "sentence"),
    [
        (["hello world"], {"vocab_size": 1000}, "its text makes a vocabulary of 31 pieces, expected vocab_size 1000"),
        (
            ["hello world"],
            {"vocab_size": 5},
            "its characters and the special tokens alone are 11 pieces, expected at most",
        ),
        (["hello world"], {"vocab_size": 100, "byte_fallback": True}, ".* alone are 267 pieces"),
        ([], {}, "no text to train a tokenizer on"),
        (["", "  "], {}, "no text to train a tokenizer on"),
    ],
)
def test_a_text_that_does_not_support_the_vocabulary_is_refused(documents, changed, sentence, capfd):
    with pytest.raises(UserError, match=f"^tales.parquet: {sentence}"):
        sentencepieces.train(documents, settings(**changed), "tales.parquet")
    assert capfd.readouterr() == ("", "")
