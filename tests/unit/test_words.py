"""Words in any script: of blanks as scikit-learn and bm25s tell them, of scripts without blanks characters and pairs."""

from __future__ import annotations

import random
import re

import pytest

from relab.metrics.pieces import normalise, whole_words
from relab.metrics.words import words
from relab.words import BLANKS, CHARACTERS, CHINESE, LATIN, NONE, SPACED, UNDIVIDED, index_terms, script, words_told


@pytest.mark.parametrize(
    "text, terms",
    [
        ("The cat's Ärger, 12 a x2", ["the", "cat", "ärger", "12", "x2"]),
        ("我的猫iPhone 手机", ["我", "的", "猫", "我的", "的猫", "iphone", "手", "机", "手机"]),
        ("แมวกิน", ["แ", "ม", "ว", "กิ", "น", "แม", "มว", "วกิ", "กิน"]),
        ("हिन्दी में", ["हिन्दी"]),
        ("1 + 2 😀", []),
    ],
)
def test_terms(text, terms):
    assert index_terms(text) == terms


def test_a_table_names_how_words_are_told():
    assert words_told(["a cat", "1"]) == BLANKS
    assert words_told(["猫"]) == CHARACTERS
    assert words_told(["1", "猫", "cat"]) == f"{BLANKS}, {CHARACTERS}"
    assert words_told(["1 + 2", ""]) == NONE


def test_a_text_without_blanks_is_no_single_word():
    assert words("我的猫 it's") == ["我", "的", "猫", "it's"]


def test_where_blanks_divide_words_terms_are_those_of_scikit_learn_and_bm25s():
    drawn = random.Random(0)
    letters = "aZ09_é½²ªßЖώ가\u05d0 \n.,-'’€"
    texts = ["".join(drawn.choices(letters, k=40)) for _ in range(500)]
    assert list(map(index_terms, texts)) == [re.findall(r"(?u)\b\w\w+\b", text.lower()) for text in texts]


@pytest.mark.parametrize(
    "texts, expected",
    [
        (["Così è", "Zażółć 猫"], LATIN),
        (["1 + 2", ""], LATIN),
        (["кот", "a"], SPACED),
        (["मैं हूँ"], SPACED),
        (["나는 고양이"], SPACED),
        (["我的猫很喜欢手机 app"], CHINESE),
        (["日本語です"], UNDIVIDED),
        (["แมวกิน"], UNDIVIDED),
    ],
)
def test_the_script_of_most_letters(texts, expected):
    assert script(texts) == expected


def test_words_in_a_corpus_are_characters_where_no_blanks_divide_them_and_runs_of_letters_elsewhere():
    assert whole_words("我的猫, हिन्दी x2 a_b.") == ["我", "的", "猫", "हिन्दी", "x", "a", "b"]
    drawn = random.Random(0)
    letters = "aZ09_é½²ªßЖώ가\u05d0Ⅳ \n.,-'’€"
    for text in ("".join(drawn.choices(letters, k=40)) + "\n" for _ in range(500)):
        assert whole_words(text) == re.findall(r"[^\W\d_]+", normalise(text))
