"""Encoding: the fast path gives the tokenizer's own ids, an unknown character is named with its place; continuations of prompts
as text, in which no blank and no character gets lost between the two.
"""

import numpy as np
import pytest
from support import tiny_gpt2, tiny_pieces
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from relab import characters
from relab.encoding import continuation, decode, encode, opening_tokens
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
    special_tokens = [(mark, number) for number, mark in enumerate(("<s>", "</s>")) if mark in template]
    backend.post_processor = processors.TemplateProcessing(single=template, special_tokens=special_tokens)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token=end, unk_token="?")
    assert opening_tokens(tokenizer) == expected


def test_nothing_stands_before_characters(reloaded):
    assert opening_tokens(reloaded) == []


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("once upon a time", " there was a bird"),  # by themselves the tokens are "there was a bird"
        ("Once Upon a TIME", " there was a bird"),  # read in lower case, shown as it was given
        ("once upon a time ", "there was a bird"),  # the tokenizer drops the blank at the end, which is shown
        ("once upon a time\n", "there was a bird"),
        ("  once   upon a time", " there was a bird"),
        ("a ☃", " there was a bird"),  # an unknown character, for which the tokenizer has a sign of its own
        ("a ﬁne", " there was a bird"),  # a ligature, which becomes two letters
        ("once upon a time", ", there was a bird"),
        ("\n", "there was a bird"),  # nothing is left of the prompt
        ("", "there was a bird"),
    ],
)
@pytest.mark.parametrize("before", ["", "<bos>"])
def test_a_text_of_pieces_is_not_glued_to_its_prompt(prompt, text, before):
    pieces = tiny_pieces.tokenizer()
    start = ids(pieces, prompt)
    generated = ids(pieces, prompt.rstrip() + " " * (not text.startswith((" ", ","))) + text)[len(start) :]
    special_tokens = [pieces.bos_token_id] if before else []
    assert pieces.decode(generated).strip() == text.strip()
    assert continuation(pieces, prompt, [*special_tokens, *start], generated) == text
    if before and prompt:
        assert (
            continuation(pieces, prompt, [*special_tokens, *start], [*generated, pieces.eos_token_id], special_tokens=True)
            == f"{text}<eos>"
        )
        assert continuation(pieces, prompt, [*special_tokens, *start], [*generated, pieces.eos_token_id]) == text


def test_a_word_may_go_on_behind_its_prompt():
    pieces = tiny_pieces.tokenizer()
    generated = [pieces.convert_tokens_to_ids(letter) for letter in "s"]
    assert continuation(pieces, "the bird", ids(pieces, "the bird"), generated) == "s"


HARD = "Proceed, é naïf — 死 and 😀!"


@pytest.mark.parametrize("kind", ["byte pairs", "pieces with bytes", "characters"])
def test_wherever_a_text_is_cut_its_parts_are_the_text(kind):
    tokenizer = {
        "byte pairs": tiny_gpt2.tokenizer,
        "pieces with bytes": lambda: tiny_pieces.tokenizer(lower_case=False, byte_fallback=True, vocab_size=400),
        "characters": lambda: characters.build(HARD),
    }[kind]()
    whole = encode(tokenizer, HARD, "text").tolist()
    assert decode(tokenizer, whole) == HARD
    split = 0
    for cut in range(1, len(whole)):
        prompt = decode(tokenizer, whole[:cut])
        kept = prompt.rstrip("\ufffd")  # of a character that the cut splits
        split += kept != prompt
        assert kept + continuation(tokenizer, prompt, whole[:cut], whole[cut:]) == HARD
    assert (split > 0) == (kind != "characters")


def test_a_mark_as_prompt_takes_no_blank_from_the_text():
    pairs = tiny_gpt2.tokenizer()
    assert continuation(pairs, pairs.eos_token, [pairs.eos_token_id], ids(pairs, " the sea")) == " the sea"
