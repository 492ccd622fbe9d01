"""Encoding: the fast path gives the tokenizer's own ids, an unknown character is named with its place."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from relab import characters
from relab.encoding import encode, opening
from relab.errors import UserError

TEXT = "Così è: e\u0301, a\u00a0b, 😀\r\n\n  end  "


@pytest.fixture
def reloaded(tmp_path):
    characters.save(characters.build(TEXT), tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


def test_ids_are_those_of_auto_tokenizer(reloaded):
    ids = encode(reloaded, TEXT * 3, "text")
    assert ids.tolist() == reloaded(TEXT * 3)["input_ids"]
    assert reloaded.decode(ids.tolist()) == TEXT * 3


def test_smallest_type_that_holds_the_vocabulary():
    few = encode(characters.build("abc"), "cab", "text")
    assert few.dtype == np.uint16 and few.shape == (3,)
    many = [chr(code) for code in range(0x10000, 0x10000 + 2**16 + 1)]
    ids = encode(characters.build(many), many[-1] + many[0], "text")
    assert ids.dtype == np.uint32
    assert ids.tolist() == [2**16, 0]


def test_empty_text(reloaded):
    assert encode(reloaded, "", "text").shape == (0,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q", r"^corpus\.parquet: character 'Q' \(U\+0051 LATIN CAPITAL LETTER Q\) at offset 0 \(line 1, column 1\) is not"),
        ("end\n e\nñe", r"character 'ñ' \(U\+00F1 LATIN SMALL LETTER N WITH TILDE\) at offset 7 \(line 3, column 1\)"),
        ("e  \x00", r"character '\\x00' \(U\+0000 without a name\) at offset 3 \(line 1, column 4\)"),
        ("e\ud800", r"character '\\ud800' \(U\+D800 without a name\) at offset 1"),
        ("e🙂e🙃", r"character '🙂' \(U\+1F642 SLIGHTLY SMILING FACE\) at offset 1 .* among the 18 characters"),
    ],
)
def test_unknown_character(reloaded, text, message):
    with pytest.raises(UserError, match=message):
        encode(reloaded, text, "corpus.parquet")


def test_other_tokenizers_encode_themselves():
    backend = Tokenizer(models.WordLevel({"so": 0, "it": 1, "goes": 2, "?": 3}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?", bos_token="so", model_max_length=2)
    ids = encode(tokenizer, "so it goes and goes", "text")
    assert ids.dtype == np.uint16
    assert ids.tolist() == [0, 1, 2, 3, 2]


@pytest.mark.parametrize(
    ("template", "end", "expected"),
    [
        ("<s> $A </s>", "</s>", [0]),
        ("<s> $A", "</s>", [0]),
        ("$A </s>", "</s>", []),
        ("$A", "</s>", []),
        ("<s> $A <s>", "</s>", [0]),
        ("<s> $A", "<s>", [0]),  # as of OPT, whose texts begin with what they end with
        ("$A <s>", "<s>", []),
    ],
)
def test_what_stands_before_every_text(template, end, expected):
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "?": 3}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = [(mark, number) for number, mark in enumerate(("<s>", "</s>")) if mark in template]
    backend.post_processor = processors.TemplateProcessing(single=template, special_tokens=marks)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token=end, unk_token="?")
    assert opening(tokenizer) == expected


def test_nothing_stands_before_characters(reloaded):
    assert opening(reloaded) == []
