"""Tokenizers of a data set of pairs: characters or the matches of a pattern, byte pairs, SentencePiece."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
from support.runs import CHECKOUT
from transformers import AutoTokenizer

from relab import characters
from relab.characters import build_symbols
from relab.datasets.storage import PAIRS, write
from relab.encoding import decode, encode, opening_tokens
from relab.errors import UserError

PHONEMES = "[a-z]| ?[A-Z]+"
ENTRIES = ["cab", "K AE B", "bee", "B IY", "abbé", "  ", "AE"]
PROGRAM = CHECKOUT / "scripts" / "train_tokenizer.py"


def reloaded(tokenizer, folder):
    characters.save(tokenizer, folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("pattern", [None, "[a-zé]| ?[A-Z]+|  "])
def test_texts_come_back_and_end(pattern, tmp_path):
    tokenizer = build_symbols(ENTRIES, pattern)
    for opened in (tokenizer, reloaded(tokenizer, tmp_path)):
        for text in ENTRIES:
            ids = opened(text)["input_ids"]
            assert opened.decode(ids, skip_special_tokens=True) == decode(opened, ids) == text
            assert ids[-1] == opened.eos_token_id == 1 and ids.count(1) == 1
            assert encode(opened, text, "here").tolist() == ids[:-1]
            assert [opened.decode([token]) for token in ids[:-1]] == opened.tokenize(text)
        assert opened("")["input_ids"] == [1]


def test_special_tokens_come_first_and_symbols_in_order():
    tokenizer = build_symbols(["cab", "K AE B", "B"], PHONEMES)
    symbols = ["<pad>", "</s>", "<unk>", " AE", " B", "B", "K", "a", "b", "c"]
    assert tokenizer.get_vocab() == {symbol: index for index, symbol in enumerate(symbols)}
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer.bos_token_id is None and opening_tokens(tokenizer) == []
    assert tokenizer("K AE B")["input_ids"] == [6, 3, 4, 1]
    assert tokenizer("bac")["input_ids"] == [8, 7, 9, 1]


def test_what_it_does_not_know_is_one_unknown_token(tmp_path):
    for pattern, ids in ((None, [2, 4, 2, 1]), (PHONEMES, [2, 4, 2, 1])):
        tokenizer = build_symbols(["abc"], pattern)
        for opened in (tokenizer, reloaded(tokenizer, tmp_path)):
            assert opened("zbZ")["input_ids"] == ids
            assert opened.decode(ids, skip_special_tokens=True) == "b"
    assert build_symbols(["K AE B"], PHONEMES)("K EE B")["input_ids"] == [5, 2, 4, 1]


def test_padding_in_a_batch(tmp_path):
    opened = reloaded(build_symbols(["abc"], None), tmp_path)
    batch = opened(["abc", "a"], padding=True)
    assert batch["input_ids"] == [[3, 4, 5, 1], [3, 1, 0, 0]] and batch["attention_mask"] == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_a_pattern_that_leaves_something_out_is_refused_with_the_text():
    with pytest.raises(UserError) as error:
        build_symbols(["cab", "K AE1 B"], PHONEMES)
    assert str(error.value) == (f"pattern: expected one whose matches make up every text, found {PHONEMES!r} and 'K AE1 B'")


def test_no_symbol_at_all_is_refused():
    with pytest.raises(UserError, match="needs at least one, found empty texts"):
        build_symbols(["", ""], None)


def test_order_and_repetition_of_the_texts_do_not_matter(tmp_path):
    for name, texts in {"one": ["abc", "K AE"], "two": ["K AE", "K", "cab", "ab", "abc"]}.items():
        characters.save(build_symbols(texts, PHONEMES), tmp_path / name)
    for file in characters.FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


# The program


@pytest.fixture
def data(tmp_path):
    """The splits of a data set: validation has letters that training lacks, further targets too."""
    rows = [{"source": "cab", "target": "K AE B", "references": ["K AE B", "K AE P"]} for _ in range(3)]
    rows += [{"source": "bee bee", "target": "B IY", "references": ["B IY"]} for _ in range(3)]
    write(tmp_path / "train.parquet", rows, PAIRS)
    write(tmp_path / "validation.parquet", [{"source": "zoo", "target": "Z UW", "references": ["Z UW"]}], PAIRS)
    return tmp_path


def make(folder, monkeypatch, **spec):
    words = [
        "--train",
        folder / "train.parquet",
        "--validation",
        folder / "validation.parquet",
        "--output-dir",
        folder / "made",
    ]
    words += [
        "--spec",
        json.dumps({"dataset": "entries", **spec}),
        "--provenance",
        folder / "provenance.json",
        "--inputs",
        PROGRAM,
    ]
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *map(str, words)])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    return AutoTokenizer.from_pretrained(folder / "made")


def test_characters_of_both_splits_and_of_further_targets(data, monkeypatch, capsys):
    tokenizer = make(data, monkeypatch, kind="character")
    assert set(tokenizer.get_vocab()) == {"<pad>", "</s>", "<unk>", *"cabezo KAEBPIYZUW"}
    assert capsys.readouterr().out == f"{len(tokenizer)} characters\n"


def test_matches_of_a_pattern(data, monkeypatch):
    tokenizer = make(data, monkeypatch, kind="character", pattern="[a-z]| ?[A-Z]+| ")
    assert {" AE", " P", " UW", "K", "Z", "z", " "} <= set(tokenizer.get_vocab())
    assert tokenizer.tokenize("K AE P") == ["K", " AE", " P"]


def test_a_pattern_is_told_by_the_text_that_it_leaves_something_of(data, monkeypatch):
    with pytest.raises(SystemExit) as stop:
        make(data, monkeypatch, kind="character", pattern="[a-z]| ?[A-Z]+")
    assert stop.value.code.startswith("error: pattern: expected one whose matches make up every text, found")
    assert stop.value.code.endswith("'bee bee'") and not (data / "made").exists()


def test_byte_pairs_of_the_sides_of_training_alone(data, monkeypatch):
    tokenizer = make(data, monkeypatch, kind="byte_pair", vocab_size=262)
    assert {"ĠAE", "cab", "bee"} & set(tokenizer.get_vocab()) and len(tokenizer) == 262
    for text in ("K AE B", "zoo é"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.eos_token == "<|endoftext|>"


def test_pieces_of_the_sides_of_training_alone(data, monkeypatch):
    tokenizer = make(data, monkeypatch, kind="sentencepiece", vocab_size=18, character_coverage=1)
    known = set("".join(tokenizer.get_vocab()))
    assert set("cabeKAEBPIY") <= known and not set("zZUW") & known
    ids = tokenizer("cab")["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id and tokenizer.decode(ids, skip_special_tokens=True) == "cab"
